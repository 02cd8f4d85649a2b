-- Minimum cost supplier
-- Which supplier in a region should be chosen to order a given part: those with the lowest cost, richest first?
-- source: TPC-H Q2
-- param size: 15
-- param type: 'BRASS'
-- param region: 'EUROPE'
-- title s_acctbal: Account balance
-- title s_name: Supplier
-- title n_name: Nation
-- title p_partkey: Part
-- title p_mfgr: Manufacturer
-- title s_address: Address
-- title s_phone: Phone
-- title s_comment: Comment
-- unit s_acctbal: USD

SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey
    AND s_suppkey = ps_suppkey
    AND p_size = $size
    AND p_type LIKE '%' || $type
    AND s_nationkey = n_nationkey
    AND n_regionkey = r_regionkey
    AND r_name = $region
    AND ps_supplycost = (
        SELECT min(ps_supplycost)
        FROM partsupp, supplier, nation, region
        WHERE p_partkey = ps_partkey
            AND s_suppkey = ps_suppkey
            AND s_nationkey = n_nationkey
            AND n_regionkey = r_regionkey
            AND r_name = $region
    )
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
LIMIT 100
