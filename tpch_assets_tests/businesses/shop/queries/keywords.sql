-- Keywords
-- What stands in the columns with odd names?
-- title baskets: Number of baskets

SELECT "select", userId, "ONE" AS "One", count(*) AS baskets, min("end") AS "end", max(flag_39) AS flag
FROM baskets
WHERE "user" IS NOT NULL
GROUP BY ALL
ORDER BY ALL
