-- Forecasting revenue change
-- How much more would a year have earned without the small discounts on small quantities?
-- source: TPC-H Q6
-- param date: DATE '1994-01-01'
-- param discount: 0.06
-- param quantity: 24
-- title revenue: Revenue forgone
-- unit revenue: USD

SELECT sum(l_extendedprice * l_discount) AS revenue
FROM lineitem
WHERE l_shipdate >= $date
    AND l_shipdate < $date + INTERVAL 1 YEAR
    AND l_discount BETWEEN $discount - 0.01 AND $discount + 0.01
    AND l_quantity < $quantity
