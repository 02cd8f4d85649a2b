-- Delays
-- How late do trains leave, by kind of day?
-- partial
SELECT kind, count(*) AS trains, max("left" - planned) AS worst, sum(epoch("left" - planned)) AS seconds
FROM departures
JOIN calendar ON calendar.day = CAST(planned AS DATE)
GROUP BY kind
-- combine
SELECT kind, CAST(sum(trains) AS BIGINT) AS trains, epoch(max(worst)) AS worst, sum(seconds) / sum(trains) AS mean
FROM partials
GROUP BY kind
ORDER BY kind
