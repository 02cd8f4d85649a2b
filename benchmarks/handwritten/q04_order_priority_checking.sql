-- Order priority checking
-- How many orders of a quarter had a line that arrived later than promised, by priority?
-- source: TPC-H Q4
-- param date: DATE '1993-07-01'
-- partial
SELECT o_orderpriority, count(*) AS order_count
FROM orders
SEMI JOIN (SELECT l_orderkey FROM lineitem WHERE l_commitdate < l_receiptdate) ON l_orderkey = o_orderkey
WHERE o_orderdate >= $date AND o_orderdate < $date + INTERVAL 3 MONTH
GROUP BY o_orderpriority
-- combine
SELECT o_orderpriority, CAST(sum(order_count) AS BIGINT) AS order_count
FROM partials
GROUP BY o_orderpriority
ORDER BY o_orderpriority
