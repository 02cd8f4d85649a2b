-- Small-quantity-order revenue
-- How much revenue would be lost per year if small orders of some parts were no longer taken?
-- source: TPC-H Q17
-- param brand: 'Brand#23'
-- param container: 'MED BOX'
-- title avg_yearly: Revenue lost per year
-- unit avg_yearly: USD

SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
FROM lineitem, part
WHERE p_partkey = l_partkey
    AND p_brand = $brand
    AND p_container = $container
    AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)

-- partial
-- Written by hand: the derived form takes 1.5 times its CPU time (python -m benchmarks.queries).
-- Which quantities are small depends on all pairs, so revenue is kept per part and quantity.
SELECT l_partkey AS partkey, l_quantity AS quantity, count(*) AS lines, sum(l_extendedprice) AS revenue
FROM lineitem
SEMI JOIN (
    SELECT p_partkey FROM part WHERE p_brand = $brand AND p_container = $container
) ON p_partkey = l_partkey
GROUP BY l_partkey, l_quantity
-- combine
WITH averages AS (
    SELECT partkey, sum(quantity * lines) / sum(lines) AS avg_quantity
    FROM partials
    GROUP BY partkey
)
SELECT sum(revenue) / 7.0 AS avg_yearly
FROM partials
JOIN averages ON averages.partkey = partials.partkey
WHERE quantity < 0.2 * avg_quantity
