SELECT meter, max(value) - min(value) AS used, count(*) AS readings, max("at") AS latest, count(DISTINCT "by") AS readers
FROM readings GROUP BY meter ORDER BY used DESC, meter LIMIT 50
