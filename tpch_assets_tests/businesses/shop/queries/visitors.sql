-- Visitors
-- How many came on each day, and what did they look at?
-- partial
SELECT day, count(*) AS visitors, sum(pages) AS pages, min(visitor) AS first FROM visits GROUP BY day
-- combine
SELECT day, visitors, CAST(pages AS BIGINT) AS pages, first FROM partials ORDER BY day
