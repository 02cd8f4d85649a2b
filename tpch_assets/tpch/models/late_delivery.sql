-- Late delivery
-- Will this order line be received after the date that was promised?
SELECT
    l_orderkey,
    l_linenumber,
    l_receiptdate > l_commitdate AS late,
    o_orderdate,
    l_commitdate,
    o_orderpriority,
    o_totalprice,
    l_quantity,
    l_extendedprice,
    l_discount,
    l_shipmode,
    l_shipinstruct,
    p_brand,
    p_container,
    p_size,
    p_retailprice,
    s_acctbal,
    supplier_nation.n_name AS supplier_nation,
    c_mktsegment,
    c_acctbal,
    customer_nation.n_name AS customer_nation
FROM lineitem
JOIN orders ON o_orderkey = l_orderkey
JOIN part ON p_partkey = l_partkey
JOIN supplier ON s_suppkey = l_suppkey
JOIN nation AS supplier_nation ON supplier_nation.n_nationkey = s_nationkey
JOIN customer ON c_custkey = o_custkey
JOIN nation AS customer_nation ON customer_nation.n_nationkey = c_nationkey
