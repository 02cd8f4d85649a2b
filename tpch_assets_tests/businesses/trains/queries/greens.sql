-- Greens
-- How often was it free to go, by hour?
-- partial
SELECT date_trunc('hour', "at" AT TIME ZONE 'UTC') AS hour, count(*) AS signals, count(*) FILTER (green) AS greens
FROM signals
GROUP BY ALL
-- combine
SELECT hour, CAST(sum(signals) AS BIGINT) AS signals, CAST(sum(greens) AS BIGINT) AS greens
FROM partials
GROUP BY ALL
ORDER BY hour
