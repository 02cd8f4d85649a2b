-- Shipping modes and order priority
-- Do the cheaper shipping modes make lines of urgent orders arrive later than promised?
-- source: TPC-H Q12
-- param mode1: 'MAIL'
-- param mode2: 'SHIP'
-- param date: DATE '1994-01-01'
-- title l_shipmode: Shipping mode
-- title high_line_count: Urgent or high
-- title low_line_count: Other priorities

SELECT
    l_shipmode,
    count(*) FILTER (o_orderpriority IN ('1-URGENT', '2-HIGH')) AS high_line_count,
    count(*) FILTER (o_orderpriority NOT IN ('1-URGENT', '2-HIGH')) AS low_line_count
FROM orders, lineitem
WHERE o_orderkey = l_orderkey
    AND l_shipmode IN ($mode1, $mode2)
    AND l_commitdate < l_receiptdate
    AND l_shipdate < l_commitdate
    AND l_receiptdate >= $date
    AND l_receiptdate < $date + INTERVAL 1 YEAR
GROUP BY l_shipmode
ORDER BY l_shipmode
