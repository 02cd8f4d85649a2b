-- Potential part promotion
-- Which suppliers of a nation hold more than half a year's sales of a kind of part in stock?
-- source: TPC-H Q20
-- param color: 'forest'
-- param date: DATE '1994-01-01'
-- param nation: 'CANADA'
-- partial
SELECT l_partkey AS partkey, l_suppkey AS suppkey, sum(l_quantity) AS quantity
FROM lineitem
SEMI JOIN (SELECT p_partkey FROM part WHERE p_name LIKE $color || '%') ON p_partkey = l_partkey
WHERE l_shipdate >= $date AND l_shipdate < $date + INTERVAL 1 YEAR
GROUP BY l_partkey, l_suppkey
-- combine
WITH sold AS (
    SELECT partkey, suppkey, sum(quantity) AS quantity
    FROM partials
    GROUP BY partkey, suppkey
),
overstocked AS (
    SELECT ps_suppkey
    FROM partsupp
    JOIN sold ON partkey = ps_partkey AND suppkey = ps_suppkey
    WHERE ps_availqty > 0.5 * quantity
)
SELECT s_name, s_address
FROM supplier
JOIN nation ON n_nationkey = s_nationkey
SEMI JOIN overstocked ON ps_suppkey = s_suppkey
WHERE n_name = $nation
ORDER BY s_name
