-- Order priority checking
-- How many orders of a quarter had a line that arrived later than promised, by priority?
-- source: TPC-H Q4
-- param date: DATE '1993-07-01'
-- title o_orderpriority: Priority
-- title order_count: Orders

SELECT o_orderpriority, count(*) AS order_count
FROM orders
WHERE o_orderdate >= $date
    AND o_orderdate < $date + INTERVAL 3 MONTH
    AND EXISTS (
        SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate
    )
GROUP BY o_orderpriority
ORDER BY o_orderpriority
