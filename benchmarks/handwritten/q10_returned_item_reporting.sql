-- Returned item reporting
-- Which twenty customers returned the most, by revenue lost in a quarter?
-- source: TPC-H Q10
-- param date: DATE '1993-10-01'
-- partial
SELECT o_custkey AS custkey, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
JOIN orders ON o_orderkey = l_orderkey
WHERE o_orderdate >= $date
    AND o_orderdate < $date + INTERVAL 3 MONTH
    AND l_returnflag = 'R'
GROUP BY o_custkey
-- combine
-- The wide columns of customer are joined to twenty rows, not to all.
WITH top AS (
    SELECT custkey, sum(revenue) AS revenue
    FROM partials
    GROUP BY custkey
    ORDER BY revenue DESC, custkey
    LIMIT 20
)
SELECT c_custkey, c_name, revenue, c_acctbal, n_name, c_address, c_phone, c_comment
FROM top
JOIN customer ON c_custkey = custkey
JOIN nation ON n_nationkey = c_nationkey
ORDER BY revenue DESC, c_custkey
