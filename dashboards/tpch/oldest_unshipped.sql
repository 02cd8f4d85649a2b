-- Oldest unshipped orders
-- Which orders with lines still to be shipped at the day's end have waited the longest, per market segment?
-- param top: 50

SELECT segment, rank, orderkey, customer, ordertime, revenue, lines, next_shiptime
FROM (
    SELECT
        c_mktsegment AS segment,
        row_number() OVER (PARTITION BY c_mktsegment ORDER BY o_ordertime, o_orderkey) AS rank,
        o_orderkey AS orderkey,
        c_name AS customer,
        o_ordertime AS ordertime,
        sum(l_extendedprice * (1 - l_discount)) AS revenue,
        count(*) AS lines,
        min(l_shiptime) AS next_shiptime
    FROM customer, orders, lineitem
    WHERE c_custkey = o_custkey
        AND o_orderkey = l_orderkey
        AND o_ordertime < ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
        AND l_shiptime >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
    GROUP BY c_mktsegment, o_orderkey, c_name, o_ordertime
)
WHERE rank <= $top
ORDER BY segment, rank
