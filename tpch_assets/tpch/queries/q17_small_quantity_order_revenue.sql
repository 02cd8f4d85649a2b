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
