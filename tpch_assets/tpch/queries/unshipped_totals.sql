-- Unshipped orders in all
-- How much revenue waits to be shipped at the day's end, per market segment and hour of shipment, and in how many orders?
-- live: l_shiptime
-- title ship_hour: Hour of shipment
-- title oldest_ordertime: Oldest order
-- title segment: Segment
-- title lines: Lines
-- title revenue: Revenue
-- title orders: Orders
-- unit revenue: USD

SELECT
    c_mktsegment AS segment,
    TIMESTAMPTZ '1970-01-01 00:00:00Z' + to_hours(CAST(epoch_us(l_shiptime) // 3_600_000_000 AS INTEGER)) AS ship_hour,
    count(*) AS lines,
    sum(l_extendedprice * (1 - l_discount)) AS revenue,
    count(DISTINCT o_orderkey) FILTER (is_first) AS orders,
    min(o_ordertime) FILTER (is_first) AS oldest_ordertime
FROM (
    SELECT
        lineitem.*,
        row_number() OVER (PARTITION BY l_orderkey ORDER BY l_shiptime, l_linenumber) = 1 AS is_first
    FROM lineitem
    WHERE l_shiptime >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
), orders, customer
WHERE o_orderkey = l_orderkey
    AND c_custkey = o_custkey
    AND o_ordertime < ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
GROUP BY ALL
ORDER BY segment, ship_hour
