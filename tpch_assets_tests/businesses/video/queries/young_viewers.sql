-- Young viewers
-- What do active users watch who were born after a date, in some country's videos, and on which clients?
-- param since: DATE '1990-01-01'
-- param least: 0.25
-- param country: 'FR'
-- partial
SELECT video_id, count(*) AS views, list(DISTINCT client->>'$.os') AS systems, min(sessions.at) AS first
FROM views
JOIN sessions USING (session_id)
JOIN users USING (user_id)
JOIN videos USING (video_id)
WHERE active AND born >= $since AND share >= $least AND studio.country = $country
GROUP BY video_id
-- combine
SELECT
    video_id,
    any_value(title) AS title,
    CAST(sum(views) AS BIGINT) AS views,
    list_sort(list_distinct(flatten(list(systems)))) AS systems,
    min(first) AS first
FROM partials
JOIN videos USING (video_id)
GROUP BY video_id
ORDER BY views DESC, video_id
