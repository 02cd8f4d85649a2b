SELECT video_id, any_value(title) AS title, count(*) AS views,
    coalesce(list_sort(list(DISTINCT client->>'$.os') FILTER (client->>'$.os' IS NOT NULL)), []) AS systems,
    min(sessions.at) AS first
FROM views JOIN sessions USING (session_id) JOIN users USING (user_id) JOIN videos USING (video_id)
WHERE active AND born >= DATE '1990-01-01' AND share >= 0.25 AND studio.country = 'FR'
GROUP BY video_id ORDER BY views DESC, video_id
