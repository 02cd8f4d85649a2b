-- Minimum cost supplier
-- Which supplier in a region should be chosen to order a given part: those with the lowest cost, richest first?
-- source: TPC-H Q2
-- param size: 15
-- param type: 'BRASS'
-- param region: 'EUROPE'
-- combine
WITH suppliers AS (
    SELECT s_suppkey, n_name
    FROM supplier
    JOIN nation ON n_nationkey = s_nationkey
    JOIN region ON r_regionkey = n_regionkey
    WHERE r_name = $region
),
cheapest AS (
    SELECT p_partkey, p_mfgr, s_suppkey, n_name
    FROM partsupp
    JOIN part ON p_partkey = ps_partkey
    JOIN suppliers ON s_suppkey = ps_suppkey
    WHERE p_size = $size AND p_type LIKE '%' || $type
    QUALIFY ps_supplycost = min(ps_supplycost) OVER (PARTITION BY p_partkey)
)
SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM cheapest
JOIN supplier ON supplier.s_suppkey = cheapest.s_suppkey
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
LIMIT 100
