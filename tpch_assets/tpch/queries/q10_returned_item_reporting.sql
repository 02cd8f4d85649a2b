-- Returned item reporting
-- Which twenty customers returned the most, by revenue lost in a quarter?
-- source: TPC-H Q10
-- param date: DATE '1993-10-01'
-- title c_custkey: Customer no.
-- title c_name: Customer
-- title revenue: Revenue lost
-- title c_acctbal: Account balance
-- title n_name: Nation
-- title c_address: Address
-- title c_phone: Phone
-- title c_comment: Comment
-- unit revenue: USD
-- unit c_acctbal: USD

SELECT
    c_custkey,
    c_name,
    sum(l_extendedprice * (1 - l_discount)) AS revenue,
    c_acctbal,
    n_name,
    c_address,
    c_phone,
    c_comment
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey
    AND l_orderkey = o_orderkey
    AND o_orderdate >= $date
    AND o_orderdate < $date + INTERVAL 3 MONTH
    AND l_returnflag = 'R'
    AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
ORDER BY revenue DESC, c_custkey
LIMIT 20
