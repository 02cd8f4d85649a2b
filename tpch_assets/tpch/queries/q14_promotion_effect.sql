-- Promotion effect
-- Which percentage of a month's revenue came from promoted parts?
-- source: TPC-H Q14
-- param date: DATE '1995-09-01'
-- title promo_revenue: Promotions' part of revenue
-- unit promo_revenue: %

SELECT
    100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
    / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
FROM lineitem, part
WHERE l_partkey = p_partkey
    AND l_shipdate >= $date
    AND l_shipdate < $date + INTERVAL 1 MONTH
