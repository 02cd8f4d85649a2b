-- Expected trains
-- Which trains are still to leave after the day's end, and where do they stop?
-- live: left
-- partial
SELECT planned, station, "left", line, electric
FROM departures
WHERE "left" >= $as_of + INTERVAL 1 DAY
-- combine
SELECT planned, station, "left", line, list_transform(stops, lambda stop: stop.name) AS stops, CAST(len(stops) AS INTEGER) AS many
FROM partials
JOIN lines USING (electric, line)
ORDER BY planned, station
