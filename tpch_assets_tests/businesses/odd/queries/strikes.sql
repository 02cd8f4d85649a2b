-- Strikes
-- How many strikes were there?
SELECT count(*) AS strikes FROM strike
