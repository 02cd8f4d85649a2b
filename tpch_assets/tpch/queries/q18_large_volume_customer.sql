-- Large volume customer
-- Which hundred orders of a very large quantity are worth the most, and who placed them?
-- source: TPC-H Q18
-- param quantity: 300
-- title c_name: Customer
-- title c_custkey: Customer no.
-- title o_orderkey: Order
-- title o_orderdate: Order date
-- title o_totalprice: Total price
-- title sum_quantity: Quantity
-- unit o_totalprice: USD

SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) AS sum_quantity
FROM customer, orders, lineitem
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > $quantity)
    AND c_custkey = o_custkey
    AND o_orderkey = l_orderkey
GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
ORDER BY o_totalprice DESC, o_orderdate, o_orderkey
LIMIT 100
