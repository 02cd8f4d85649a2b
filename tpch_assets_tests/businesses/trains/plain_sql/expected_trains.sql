SELECT planned, station, "left", line, list_transform(stops, lambda stop: stop.name) AS stops, CAST(len(stops) AS INTEGER) AS many
FROM departures JOIN lines USING (electric, line)
WHERE "left" >= $as_of + INTERVAL 1 DAY
ORDER BY planned, station
