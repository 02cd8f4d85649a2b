-- Top supplier
-- Which supplier brought the most revenue in a quarter?
-- source: TPC-H Q15
-- param date: DATE '1996-01-01'
-- partial
SELECT l_suppkey AS suppkey, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
WHERE l_shipdate >= $date AND l_shipdate < $date + INTERVAL 3 MONTH
GROUP BY l_suppkey
-- combine
WITH totals AS (
    SELECT suppkey, sum(revenue) AS total_revenue
    FROM partials
    GROUP BY suppkey
)
SELECT s_suppkey, s_name, s_address, s_phone, total_revenue
FROM totals
JOIN supplier ON s_suppkey = suppkey
WHERE total_revenue = (SELECT max(total_revenue) FROM totals)
ORDER BY s_suppkey
