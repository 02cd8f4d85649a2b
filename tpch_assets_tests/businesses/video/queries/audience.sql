-- Audience
-- How much is watched in all?
-- partial
SELECT
    count(DISTINCT session_id) AS sessions,
    count(*) AS views,
    count(*) FILTER (finished) AS finished,
    sum(share) AS shares,
    max(started) AS latest
FROM sessions
JOIN views USING (session_id)
-- combine
SELECT
    CAST(sum(sessions) AS BIGINT) AS sessions,
    CAST(sum(views) AS BIGINT) AS views,
    CAST(sum(finished) AS BIGINT) AS finished,
    sum(shares) / sum(views) AS mean_share,
    max(latest) AS latest
FROM partials
