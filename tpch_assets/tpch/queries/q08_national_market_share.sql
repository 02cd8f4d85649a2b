-- National market share
-- Which share of a region's revenue with one type of part comes from a nation's suppliers, by year?
-- source: TPC-H Q8
-- param nation: 'BRAZIL'
-- param region: 'AMERICA'
-- param type: 'ECONOMY ANODIZED STEEL'
-- title o_year: Year
-- title mkt_share: Market share
-- unit mkt_share: share

SELECT o_year, sum(CASE WHEN nation = $nation THEN volume ELSE 0 END) / sum(volume) AS mkt_share
FROM (
    SELECT
        extract(YEAR FROM o_orderdate) AS o_year,
        l_extendedprice * (1 - l_discount) AS volume,
        n2.n_name AS nation
    FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
    WHERE p_partkey = l_partkey
        AND s_suppkey = l_suppkey
        AND l_orderkey = o_orderkey
        AND o_custkey = c_custkey
        AND c_nationkey = n1.n_nationkey
        AND n1.n_regionkey = r_regionkey
        AND r_name = $region
        AND s_nationkey = n2.n_nationkey
        AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
        AND p_type = $type
) AS all_nations
GROUP BY o_year
ORDER BY o_year
