SELECT kind, count(*) AS trains, epoch(max("left" - planned)) AS worst, avg(epoch("left" - planned)) AS mean
FROM departures JOIN calendar ON calendar.day = CAST(planned AS DATE)
GROUP BY kind ORDER BY kind
