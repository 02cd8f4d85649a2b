SELECT date_trunc('hour', "at" AT TIME ZONE 'UTC') AS hour, count(*) AS signals, count(*) FILTER (green) AS greens
FROM signals GROUP BY ALL ORDER BY hour
