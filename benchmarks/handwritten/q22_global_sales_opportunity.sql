-- Global sales opportunity
-- Which customers of some countries have money but have never ordered, by country code?
-- source: TPC-H Q22
-- param codes: ['13', '31', '23', '29', '30', '18', '17']
-- partial
SELECT DISTINCT o_custkey AS custkey
FROM orders
SEMI JOIN (
    SELECT c_custkey FROM customer WHERE list_contains($codes, substring(c_phone, 1, 2))
) ON c_custkey = o_custkey
-- combine
WITH customers AS (
    SELECT c_custkey, substring(c_phone, 1, 2) AS cntrycode, c_acctbal
    FROM customer
    WHERE list_contains($codes, substring(c_phone, 1, 2))
)
SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
FROM customers
ANTI JOIN partials ON custkey = c_custkey
WHERE c_acctbal > (SELECT avg(c_acctbal) FROM customers WHERE c_acctbal > 0)
GROUP BY cntrycode
ORDER BY cntrycode
