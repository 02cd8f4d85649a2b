-- Local supplier volume
-- How much revenue did each nation of a region make in a year with suppliers and customers of the same nation?
-- source: TPC-H Q5
-- param region: 'ASIA'
-- param date: DATE '1994-01-01'
-- title n_name: Nation
-- unit revenue: USD

SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM customer, orders, lineitem, supplier, nation, region
WHERE c_custkey = o_custkey
    AND l_orderkey = o_orderkey
    AND l_suppkey = s_suppkey
    AND c_nationkey = s_nationkey
    AND s_nationkey = n_nationkey
    AND n_regionkey = r_regionkey
    AND r_name = $region
    AND o_orderdate >= $date
    AND o_orderdate < $date + INTERVAL 1 YEAR
GROUP BY n_name
ORDER BY revenue DESC, n_name
