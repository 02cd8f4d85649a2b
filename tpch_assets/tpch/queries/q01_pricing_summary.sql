-- Pricing summary report
-- How much was billed, shipped and returned, for all lines shipped up to some days before the end of the data?
-- source: TPC-H Q1
-- param delta: 90
-- title l_returnflag: Return flag
-- title l_linestatus: Line status
-- title sum_qty: Quantity
-- title sum_base_price: Base price
-- title sum_disc_price: Discounted price
-- title sum_charge: Charge with tax
-- title avg_qty: Mean quantity
-- title avg_price: Mean price
-- title avg_disc: Mean discount
-- title count_order: Lines
-- unit sum_base_price: USD
-- unit sum_disc_price: USD
-- unit sum_charge: USD
-- unit avg_price: USD
-- unit avg_disc: share

SELECT
    l_returnflag,
    l_linestatus,
    sum(l_quantity) AS sum_qty,
    sum(l_extendedprice) AS sum_base_price,
    sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
    sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
    avg(l_quantity) AS avg_qty,
    avg(l_extendedprice) AS avg_price,
    avg(l_discount) AS avg_disc,
    count(*) AS count_order
FROM lineitem
WHERE l_shipdate <= DATE '1998-12-01' - to_days($delta)
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus
