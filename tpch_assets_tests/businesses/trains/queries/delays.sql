-- Delays
-- How late do trains leave, by kind of day?
SELECT
    kind,
    count(*) AS trains,
    max(date_diff('microsecond', planned, "left")) AS worst,
    avg(date_diff('microsecond', planned, "left")) AS mean
FROM departures
JOIN calendar ON calendar.day = CAST(planned AS DATE)
GROUP BY kind
ORDER BY kind
