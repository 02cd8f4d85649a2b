SELECT "type", "in", count(DISTINCT number) AS orders, sum(list_sum("value")) AS "value", count("is") AS known
FROM "order" JOIN "output" USING (number) JOIN "type" USING ("type") LEFT JOIN "user" USING ("user")
GROUP BY ALL ORDER BY "type"
