-- National market share
-- Which share of a region's revenue with one type of part comes from a nation's suppliers, by year?
-- source: TPC-H Q8
-- param nation: 'BRAZIL'
-- param region: 'AMERICA'
-- param type: 'ECONOMY ANODIZED STEEL'
-- partial
WITH customers AS (
    SELECT c_custkey
    FROM customer
    JOIN nation ON n_nationkey = c_nationkey
    JOIN region ON r_regionkey = n_regionkey
    WHERE r_name = $region
),
suppliers AS (
    SELECT s_suppkey, n_name = $nation AS of_nation
    FROM supplier
    JOIN nation ON n_nationkey = s_nationkey
),
lines AS (
    SELECT l_orderkey, l_suppkey, l_extendedprice * (1 - l_discount) AS volume
    FROM lineitem
    SEMI JOIN (SELECT p_partkey FROM part WHERE p_type = $type) ON p_partkey = l_partkey
)
SELECT
    extract(YEAR FROM o_orderdate) AS o_year,
    sum(CASE WHEN of_nation THEN volume ELSE 0 END) AS nation_volume,
    sum(volume) AS volume
FROM lines
JOIN orders ON o_orderkey = l_orderkey
JOIN suppliers ON s_suppkey = l_suppkey
SEMI JOIN customers ON c_custkey = o_custkey
WHERE o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
GROUP BY o_year
-- combine
SELECT o_year, sum(nation_volume) / sum(volume) AS mkt_share
FROM partials
GROUP BY o_year
ORDER BY o_year
