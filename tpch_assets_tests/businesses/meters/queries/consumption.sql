-- Consumption
-- What did each meter count, and how often was it read?
-- param top: 50
-- partial
SELECT meter, max(value) - min(value) AS used, count(*) AS readings, max("at") AS latest, count(DISTINCT "by") AS readers
FROM readings
GROUP BY meter
ORDER BY used DESC, meter
LIMIT $top
-- combine
SELECT meter, used, readings, latest, readers
FROM partials
ORDER BY used DESC, meter
LIMIT $top
