SELECT day, count(*) AS visitors, sum(pages) AS pages, min(visitor) AS first FROM visits GROUP BY day ORDER BY day
