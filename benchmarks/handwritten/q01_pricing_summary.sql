-- Pricing summary report
-- How much was billed, shipped and returned, for all lines shipped up to some days before the end of the data?
-- source: TPC-H Q1
-- param delta: 90
-- partial
SELECT
    l_returnflag,
    l_linestatus,
    sum(l_quantity) AS sum_qty,
    sum(l_extendedprice) AS sum_base_price,
    sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
    sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
    sum(l_discount) AS sum_disc,
    count(*) AS count_order
FROM lineitem
WHERE l_shipdate <= DATE '1998-12-01' - $delta
GROUP BY l_returnflag, l_linestatus
-- combine
SELECT
    l_returnflag,
    l_linestatus,
    sum(sum_qty) AS sum_qty,
    sum(sum_base_price) AS sum_base_price,
    sum(sum_disc_price) AS sum_disc_price,
    sum(sum_charge) AS sum_charge,
    -- Averages of averages would be wrong: sums and counts are combined, and divided once.
    sum(sum_qty) / sum(count_order) AS avg_qty,
    sum(sum_base_price) / sum(count_order) AS avg_price,
    sum(sum_disc) / sum(count_order) AS avg_disc,
    CAST(sum(count_order) AS BIGINT) AS count_order
FROM partials
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus
