-- Volume shipping
-- How much do two nations ship to each other, by year?
-- source: TPC-H Q7
-- param nation1: 'FRANCE'
-- param nation2: 'GERMANY'
-- partial
WITH suppliers AS (
    SELECT s_suppkey, n_name AS supp_nation
    FROM supplier
    JOIN nation ON n_nationkey = s_nationkey
    WHERE n_name IN ($nation1, $nation2)
),
customers AS (
    SELECT c_custkey, n_name AS cust_nation
    FROM customer
    JOIN nation ON n_nationkey = c_nationkey
    WHERE n_name IN ($nation1, $nation2)
)
SELECT
    supp_nation,
    cust_nation,
    extract(YEAR FROM l_shipdate) AS l_year,
    sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
JOIN suppliers ON s_suppkey = l_suppkey
JOIN orders ON o_orderkey = l_orderkey
JOIN customers ON c_custkey = o_custkey
WHERE supp_nation <> cust_nation
    AND l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
GROUP BY supp_nation, cust_nation, l_year
-- combine
SELECT supp_nation, cust_nation, l_year, sum(revenue) AS revenue
FROM partials
GROUP BY supp_nation, cust_nation, l_year
ORDER BY supp_nation, cust_nation, l_year
