-- Orders
-- What did orders lead to, by type?
-- partial
SELECT "type", "in", count(DISTINCT number) AS orders, sum(list_sum("value")) AS "value", count("is") AS known
FROM "order"
JOIN "output" USING (number)
JOIN "type" USING ("type")
LEFT JOIN "user" USING ("user")
GROUP BY ALL
-- combine
SELECT "type", "in", CAST(sum(orders) AS BIGINT) AS orders, sum("value") AS "value", CAST(sum(known) AS BIGINT) AS known
FROM partials
GROUP BY ALL
ORDER BY "type"
