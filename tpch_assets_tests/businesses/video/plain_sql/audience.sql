SELECT count(DISTINCT session_id) AS sessions, count(*) AS views, count(*) FILTER (finished) AS finished,
    avg(share) AS mean_share, max(started) AS latest
FROM sessions JOIN views USING (session_id)
