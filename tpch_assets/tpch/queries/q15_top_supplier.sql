-- Top supplier
-- Which supplier brought the most revenue in a quarter?
-- source: TPC-H Q15
-- param date: DATE '1996-01-01'
-- title s_suppkey: Supplier no.
-- title s_name: Supplier
-- title total_revenue: Revenue
-- title s_address: Address
-- title s_phone: Phone
-- unit total_revenue: USD

WITH revenue (supplier_no, total_revenue) AS (
    SELECT l_suppkey, sum(l_extendedprice * (1 - l_discount))
    FROM lineitem
    WHERE l_shipdate >= $date
        AND l_shipdate < $date + INTERVAL 3 MONTH
    GROUP BY l_suppkey
)
SELECT s_suppkey, s_name, s_address, s_phone, total_revenue
FROM supplier, revenue
WHERE s_suppkey = supplier_no
    AND total_revenue = (SELECT max(total_revenue) FROM revenue)
ORDER BY s_suppkey
