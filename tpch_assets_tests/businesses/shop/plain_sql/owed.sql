SELECT number, opened, "group", worth - coalesce(paid, 0) AS owed
FROM baskets
JOIN (SELECT number, sum(price * "order") AS worth FROM items GROUP BY number) USING (number)
LEFT JOIN (SELECT basket AS number, sum(amount) AS paid FROM payments GROUP BY basket) USING (number)
WHERE worth > coalesce(paid, 0)
ORDER BY owed DESC, number LIMIT 40
