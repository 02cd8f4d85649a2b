-- Shipping priority
-- Which ten orders of a market segment, not fully shipped on a date, are worth the most?
-- source: TPC-H Q3
-- param segment: 'BUILDING'
-- param date: DATE '1995-03-15'
-- partial
-- An order lies in one pair whole, so the ten best of all are among the ten best of each.
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM lineitem
JOIN orders ON o_orderkey = l_orderkey
SEMI JOIN (SELECT c_custkey FROM customer WHERE c_mktsegment = $segment) ON c_custkey = o_custkey
WHERE o_orderdate < $date AND l_shipdate > $date
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY revenue DESC, o_orderdate, l_orderkey
LIMIT 10
-- combine
SELECT l_orderkey, revenue, o_orderdate, o_shippriority
FROM partials
ORDER BY revenue DESC, o_orderdate, l_orderkey
LIMIT 10
