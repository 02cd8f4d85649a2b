-- Promotion effect
-- Which percentage of a month's revenue came from promoted parts?
-- source: TPC-H Q14
-- param date: DATE '1995-09-01'
-- partial
SELECT
    sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) AS promo_revenue,
    sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
JOIN part ON p_partkey = l_partkey
WHERE l_shipdate >= $date AND l_shipdate < $date + INTERVAL 1 MONTH
-- combine
SELECT 100.00 * sum(promo_revenue) / sum(revenue) AS promo_revenue
FROM partials
