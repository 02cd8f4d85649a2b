-- Important stock identification
-- Which parts make up a significant share of the value of all stock held by a nation's suppliers?
-- source: TPC-H Q11
-- param nation: 'GERMANY'
-- param fraction: CAST(0.0001 / $scale_factor AS DECIMAL(18, 12))
-- title ps_partkey: Part
-- title value: Stock value
-- unit value: USD

SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM partsupp, supplier, nation
WHERE ps_suppkey = s_suppkey
    AND s_nationkey = n_nationkey
    AND n_name = $nation
GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) > (
    SELECT sum(ps_supplycost * ps_availqty) * $fraction
    FROM partsupp, supplier, nation
    WHERE ps_suppkey = s_suppkey
        AND s_nationkey = n_nationkey
        AND n_name = $nation
)
ORDER BY value DESC, ps_partkey
