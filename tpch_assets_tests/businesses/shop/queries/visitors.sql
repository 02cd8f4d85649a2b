-- Visitors
-- How many came on each day, and what did they look at?
-- partial
SELECT day, count(*) AS visitors, CAST(sum(pages) AS BIGINT) AS pages, min(visitor) AS first FROM visits GROUP BY day
-- combine
SELECT day, visitors, pages, first FROM partials ORDER BY day
