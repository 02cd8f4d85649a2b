-- Revenue
-- What do the segments of customers buy?

SELECT segment, count(*) AS items, CAST(sum(price) AS DECIMAL(18,2)) AS revenue
FROM items
JOIN sales ON items.sale = sales.sale
JOIN customers ON sales.customer = customers.customer
GROUP BY segment
ORDER BY segment
