WITH numbered AS (
    SELECT c_mktsegment, o_totalprice,
        least(10, row_number() OVER one_customer) AS nth,
        epoch_us(o_ordertime) - lag(epoch_us(o_ordertime)) OVER one_customer AS wait
    FROM orders JOIN customer ON c_custkey = o_custkey
    WINDOW one_customer AS (PARTITION BY o_custkey ORDER BY o_ordertime, o_orderkey)
)
SELECT c_mktsegment AS segment, CAST(nth AS BIGINT) AS nth_order, count(*) AS orders,
    CAST(sum(o_totalprice) AS DOUBLE) AS revenue,
    sum(wait) / count(wait) / 86_400_000_000 AS days_since_last
FROM numbered
GROUP BY ALL
ORDER BY ALL
