-- Parts/supplier relationship
-- How many suppliers without complaints can deliver parts of given sizes, by brand, type and size?
-- source: TPC-H Q16
-- param brand: 'Brand#45'
-- param type: 'MEDIUM POLISHED'
-- param sizes: [49, 14, 23, 45, 19, 3, 36, 9]
-- title supplier_cnt: Suppliers
-- title p_brand: Brand
-- title p_type: Type
-- title p_size: Size

SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt
FROM partsupp, part
WHERE p_partkey = ps_partkey
    AND p_brand <> $brand
    AND p_type NOT LIKE $type || '%'
    AND p_size IN $sizes
    AND ps_suppkey NOT IN (
        SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%'
    )
GROUP BY p_brand, p_type, p_size
ORDER BY supplier_cnt DESC, p_brand, p_type, p_size
