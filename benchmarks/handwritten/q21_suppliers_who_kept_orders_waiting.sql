-- Suppliers who kept orders waiting
-- Which suppliers of a nation were the only ones of several to be late with an order, and how often?
-- source: TPC-H Q21
-- param nation: 'SAUDI ARABIA'
-- partial
WITH suppliers AS (
    SELECT s_suppkey FROM supplier JOIN nation ON n_nationkey = s_nationkey WHERE n_name = $nation
),
-- The few late suppliers of the nation come first: the other lines of their orders are then all that is looked at.
late AS (
    SELECT l_orderkey AS orderkey, l_suppkey AS suppkey, count(*) AS late_lines
    FROM lineitem
    SEMI JOIN suppliers ON s_suppkey = l_suppkey
    SEMI JOIN (SELECT o_orderkey FROM orders WHERE o_orderstatus = 'F') ON o_orderkey = l_orderkey
    WHERE l_receiptdate > l_commitdate
    GROUP BY l_orderkey, l_suppkey
),
alone AS (
    SELECT orderkey, suppkey, any_value(late_lines) AS late_lines
    FROM late
    JOIN lineitem ON l_orderkey = orderkey
    WHERE l_suppkey <> suppkey
    GROUP BY orderkey, suppkey
    HAVING NOT bool_or(l_receiptdate > l_commitdate)
)
SELECT suppkey, CAST(sum(late_lines) AS BIGINT) AS numwait
FROM alone
GROUP BY suppkey
-- combine
SELECT s_name, CAST(sum(numwait) AS BIGINT) AS numwait
FROM partials
JOIN supplier ON s_suppkey = suppkey
GROUP BY s_name
ORDER BY numwait DESC, s_name
LIMIT 100
