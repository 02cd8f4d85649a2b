-- Large volume customer
-- Which hundred orders of a very large quantity are worth the most, and who placed them?
-- source: TPC-H Q18
-- param quantity: 300
-- partial
WITH large AS (
    SELECT l_orderkey, sum(l_quantity) AS sum_quantity
    FROM lineitem
    GROUP BY l_orderkey
    HAVING sum(l_quantity) > $quantity
)
SELECT o_custkey AS custkey, o_orderkey, o_orderdate, o_totalprice, sum_quantity
FROM large
JOIN orders ON o_orderkey = l_orderkey
ORDER BY o_totalprice DESC, o_orderdate, o_orderkey
LIMIT 100
-- combine
SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum_quantity
FROM partials
JOIN customer ON c_custkey = custkey
ORDER BY o_totalprice DESC, o_orderdate, o_orderkey
LIMIT 100
