-- Shipping priority
-- Which ten orders of a market segment, not fully shipped on a date, are worth the most?
-- source: TPC-H Q3
-- param segment: 'BUILDING'
-- param date: DATE '1995-03-15'
-- title l_orderkey: Order
-- title o_orderdate: Order date
-- title o_shippriority: Ship priority
-- title revenue: Revenue
-- unit revenue: USD

SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = $segment
    AND c_custkey = o_custkey
    AND l_orderkey = o_orderkey
    AND o_orderdate < $date
    AND l_shipdate > $date
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY revenue DESC, o_orderdate, l_orderkey
LIMIT 10
