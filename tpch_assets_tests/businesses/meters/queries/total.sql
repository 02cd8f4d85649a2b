-- Total
-- What do all readings add up to?
-- partial
SELECT sum(value) AS value, count(*) AS readings, min("at") AS first FROM readings
-- combine
SELECT sum(value) AS value, CAST(sum(readings) AS BIGINT) AS readings, min(first) AS first FROM partials
