-- Customer distribution
-- How many customers have placed how many orders, leaving out orders with a special remark?
-- source: TPC-H Q13
-- param word1: 'special'
-- param word2: 'requests'
-- partial
SELECT o_custkey AS custkey, count(*) AS order_count
FROM orders
WHERE o_comment NOT LIKE '%' || $word1 || '%' || $word2 || '%'
GROUP BY o_custkey
-- combine
WITH ordered AS (
    SELECT custkey, CAST(sum(order_count) AS BIGINT) AS order_count
    FROM partials
    GROUP BY custkey
)
SELECT coalesce(order_count, 0) AS c_count, count(*) AS custdist
FROM customer
LEFT JOIN ordered ON custkey = c_custkey
GROUP BY c_count
ORDER BY custdist DESC, c_count DESC
