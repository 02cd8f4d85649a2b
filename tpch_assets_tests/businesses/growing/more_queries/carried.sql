-- Carried
-- How much was carried, by city?
-- partial
SELECT city, CAST(sum(weight) AS BIGINT) AS weight, count(*) AS sales FROM sales JOIN shops USING (shop) GROUP BY city
-- combine
SELECT city, CAST(sum(weight) AS BIGINT) AS weight, CAST(sum(sales) AS BIGINT) AS sales
FROM partials GROUP BY city ORDER BY city
