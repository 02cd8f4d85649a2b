-- Potential part promotion
-- Which suppliers of a nation hold more than half a year's sales of a kind of part in stock?
-- source: TPC-H Q20
-- param color: 'forest'
-- param date: DATE '1994-01-01'
-- param nation: 'CANADA'
-- title s_name: Supplier
-- title s_address: Address

SELECT s_name, s_address
FROM supplier, nation
WHERE s_suppkey IN (
        SELECT ps_suppkey
        FROM partsupp
        WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE $color || '%')
            AND ps_availqty > (
                SELECT 0.5 * sum(l_quantity)
                FROM lineitem
                WHERE l_partkey = ps_partkey
                    AND l_suppkey = ps_suppkey
                    AND l_shipdate >= $date
                    AND l_shipdate < $date + INTERVAL 1 YEAR
            )
    )
    AND s_nationkey = n_nationkey
    AND n_name = $nation
ORDER BY s_name
