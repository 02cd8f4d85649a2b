-- Keywords
-- What stands in the columns with odd names?
-- partial
SELECT "select", userId, "ONE" AS "One", count(*) AS baskets, min("end") AS "end", max(flag_39) AS flag
FROM baskets
WHERE "user" IS NOT NULL
GROUP BY ALL
-- combine
SELECT "select", userId, "One", CAST(sum(baskets) AS BIGINT) AS baskets, min("end") AS "end", max(flag) AS flag
FROM partials
GROUP BY ALL
ORDER BY ALL
