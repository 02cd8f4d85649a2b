-- Delays
-- How late do trains leave, by kind of day?
-- partial
SELECT
    kind,
    count(*) AS trains,
    max(date_diff('microsecond', planned, "left")) AS worst,
    CAST(sum(date_diff('microsecond', planned, "left")) AS DECIMAL(38, 0)) AS late
FROM departures
JOIN calendar ON calendar.day = CAST(planned AS DATE)
GROUP BY kind
-- combine
SELECT kind, CAST(sum(trains) AS BIGINT) AS trains, max(worst) AS worst, sum(late) / sum(trains) AS mean
FROM partials
GROUP BY kind
ORDER BY kind
