-- Local supplier volume
-- How much revenue did each nation of a region make in a year with suppliers and customers of the same nation?
-- source: TPC-H Q5
-- param region: 'ASIA'
-- param date: DATE '1994-01-01'
-- partial
WITH nations AS (
    SELECT n_nationkey FROM nation JOIN region ON r_regionkey = n_regionkey WHERE r_name = $region
),
orders_of_region AS (
    SELECT o_orderkey, c_nationkey
    FROM orders
    JOIN (SELECT c_custkey, c_nationkey FROM customer SEMI JOIN nations ON n_nationkey = c_nationkey)
        ON c_custkey = o_custkey
    WHERE o_orderdate >= $date AND o_orderdate < $date + INTERVAL 1 YEAR
)
SELECT s_nationkey AS nationkey, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
JOIN orders_of_region ON o_orderkey = l_orderkey
JOIN supplier ON s_suppkey = l_suppkey AND s_nationkey = c_nationkey
GROUP BY s_nationkey
-- combine
SELECT n_name, sum(revenue) AS revenue
FROM partials
JOIN nation ON n_nationkey = nationkey
GROUP BY n_name
ORDER BY revenue DESC, n_name
