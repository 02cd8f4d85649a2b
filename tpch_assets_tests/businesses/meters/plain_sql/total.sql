SELECT sum(value) AS value, count(*) AS readings, min("at") AS first FROM readings
