-- Unshipped orders in all
-- How much revenue waits to be shipped at the day's end, per market segment and hour of shipment, and in how many orders?
-- live: l_shiptime
-- partial
WITH waiting AS (
    SELECT
        l_orderkey,
        date_trunc('hour', l_shiptime AT TIME ZONE 'UTC') AS ship_hour,
        sum(l_extendedprice * (1 - l_discount)) AS revenue,
        count(*) AS lines
    FROM lineitem
    WHERE l_shiptime >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
    GROUP BY l_orderkey, ship_hour
),
-- Each order counts in the hour of its next shipment alone, and it lies in one pair whole: so counts add up.
next AS (
    SELECT l_orderkey, min(ship_hour) AS next_hour
    FROM waiting
    GROUP BY l_orderkey
)
SELECT
    c_mktsegment AS segment,
    ship_hour,
    CAST(sum(lines) AS BIGINT) AS lines,
    sum(revenue) AS revenue,
    count(*) FILTER (ship_hour = next_hour) AS orders,
    min(o_ordertime) FILTER (ship_hour = next_hour) AS oldest_ordertime
FROM waiting
JOIN next USING (l_orderkey)
JOIN orders ON o_orderkey = l_orderkey
JOIN customer ON c_custkey = o_custkey
GROUP BY segment, ship_hour
-- combine
SELECT
    segment,
    ship_hour AT TIME ZONE 'UTC' AS ship_hour,
    CAST(sum(lines) AS BIGINT) AS lines,
    sum(revenue) AS revenue,
    CAST(sum(orders) AS BIGINT) AS orders,
    min(oldest_ordertime) AS oldest_ordertime
FROM partials
GROUP BY segment, ship_hour
ORDER BY segment, ship_hour
