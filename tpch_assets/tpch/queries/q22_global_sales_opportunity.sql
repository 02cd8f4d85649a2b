-- Global sales opportunity
-- Which customers of some countries have money but have never ordered, by country code?
-- source: TPC-H Q22
-- param codes: ['13', '31', '23', '29', '30', '18', '17']
-- title cntrycode: Country code
-- title numcust: Customers
-- title totacctbal: Account balances
-- unit totacctbal: USD

SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
FROM (
    SELECT substring(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal
    FROM customer
    WHERE substring(c_phone FROM 1 FOR 2) IN $codes
        AND c_acctbal > (
            SELECT avg(c_acctbal)
            FROM customer
            WHERE c_acctbal > 0.00
                AND substring(c_phone FROM 1 FOR 2) IN $codes
        )
        AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)
) AS custsale
GROUP BY cntrycode
ORDER BY cntrycode
