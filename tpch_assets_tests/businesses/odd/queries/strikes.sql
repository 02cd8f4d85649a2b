-- Strikes
-- How many strikes were there?
-- partial
SELECT count(*) AS strikes FROM strike
-- combine
SELECT CAST(sum(strikes) AS BIGINT) AS strikes FROM partials
