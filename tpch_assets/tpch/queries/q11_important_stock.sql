-- Important stock identification
-- Which parts make up a significant share of the value of all stock held by a nation's suppliers?
-- source: TPC-H Q11
-- param nation: 'GERMANY'
-- param fraction: CAST(0.0001 / $scale_factor AS DECIMAL(18, 12))
-- combine
WITH stock AS (
    SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
    FROM partsupp
    SEMI JOIN (
        SELECT s_suppkey FROM supplier JOIN nation ON n_nationkey = s_nationkey WHERE n_name = $nation
    ) ON s_suppkey = ps_suppkey
    GROUP BY ps_partkey
)
SELECT ps_partkey, value
FROM stock
-- The fraction is a DECIMAL, so that the threshold is computed exactly.
WHERE value > (SELECT sum(value) * $fraction FROM stock)
ORDER BY value DESC, ps_partkey
