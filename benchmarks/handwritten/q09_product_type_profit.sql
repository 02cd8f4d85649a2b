-- Product type profit measure
-- How much profit do the parts of one colour make, by the supplier's nation and year?
-- source: TPC-H Q9
-- param color: 'green'
-- partial
WITH parts AS (
    SELECT p_partkey FROM part WHERE p_name LIKE '%' || $color || '%'
),
offers AS (
    SELECT ps_partkey, ps_suppkey, ps_supplycost, s_nationkey
    FROM partsupp
    SEMI JOIN parts ON p_partkey = ps_partkey
    JOIN supplier ON s_suppkey = ps_suppkey
),
lines AS (
    SELECT l_orderkey, l_partkey, l_suppkey, l_quantity, l_extendedprice, l_discount
    FROM lineitem
    SEMI JOIN parts ON p_partkey = l_partkey
)
SELECT
    s_nationkey AS nationkey,
    extract(YEAR FROM o_orderdate) AS o_year,
    sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS sum_profit
FROM lines
JOIN orders ON o_orderkey = l_orderkey
JOIN offers ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
GROUP BY s_nationkey, o_year
-- combine
SELECT n_name AS nation, o_year, sum(sum_profit) AS sum_profit
FROM partials
JOIN nation ON n_nationkey = nationkey
GROUP BY n_name, o_year
ORDER BY n_name, o_year DESC
