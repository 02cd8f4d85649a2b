-- Owed
-- Which baskets are worth more than was paid for them?
-- param top: 40
SELECT
    number,
    any_value(opened) AS opened,
    any_value("group") AS "group",
    any_value(worth) - coalesce(sum(amount), 0) AS owed
FROM baskets
JOIN (SELECT number, sum(price * "order") AS worth FROM items GROUP BY number) USING (number)
LEFT JOIN payments ON basket = number
GROUP BY number
HAVING owed > 0
ORDER BY owed DESC, number
LIMIT $top
