-- Wrong derivations, planted: the gate has to find each. Behind the name stands what is wrong.

-- == a dropped filter - the partial forgets WHERE
SELECT sum(l_extendedprice) AS price FROM lineitem WHERE l_returnflag = 'R'
-- part: partial
SELECT sum(l_extendedprice) AS price FROM lineitem
-- part: combine
SELECT sum(price) AS price FROM partials

-- == a filter that is one day off
SELECT count(*) AS orders FROM orders WHERE o_orderdate < DATE '1995-03-15'
-- part: partial
SELECT count(*) AS orders FROM orders WHERE o_orderdate <= DATE '1995-03-15'
-- part: combine
SELECT CAST(sum(orders) AS BIGINT) AS orders FROM partials

-- == an average of averages
SELECT l_returnflag, avg(l_quantity) AS quantity FROM lineitem GROUP BY l_returnflag
-- part: partial
SELECT l_returnflag, avg(l_quantity) AS quantity FROM lineitem GROUP BY l_returnflag
-- part: combine
SELECT l_returnflag, avg(quantity) AS quantity FROM partials GROUP BY l_returnflag

-- == an average that rounds
SELECT avg(l_discount) AS discount FROM lineitem
-- part: partial
SELECT sum(CAST(l_discount AS FLOAT)) AS discount, count(*) AS lines FROM lineitem
-- part: combine
SELECT sum(discount) / sum(lines) AS discount FROM partials

-- == a LIMIT without its order in the partial
SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 5
-- part: partial
SELECT o_orderkey, o_totalprice FROM orders LIMIT 5
-- part: combine
SELECT o_orderkey, o_totalprice FROM partials ORDER BY o_totalprice DESC, o_orderkey LIMIT 5

-- == a LIMIT without its OFFSET in the partial
SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 3 OFFSET 2
-- part: partial
SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 3
-- part: combine
SELECT o_orderkey, o_totalprice FROM partials ORDER BY o_totalprice DESC, o_orderkey LIMIT 3 OFFSET 2

-- == a LIMIT before a join that drops rows
SELECT o_orderkey, c_name FROM orders JOIN customer ON c_custkey = o_custkey ORDER BY o_orderkey LIMIT 10
-- part: partial
SELECT o_orderkey, o_custkey FROM orders ORDER BY o_orderkey LIMIT 10
-- part: combine
SELECT o_orderkey, c_name FROM partials JOIN customer ON c_custkey = o_custkey ORDER BY o_orderkey LIMIT 10

-- == a lost order
SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey
-- part: partial
SELECT o_orderkey, o_totalprice FROM orders
-- part: combine
SELECT o_orderkey, o_totalprice FROM partials ORDER BY o_totalprice

-- == an order by something hidden that is lost
SELECT o_orderkey FROM orders ORDER BY o_totalprice DESC, o_orderkey
-- part: partial
SELECT o_orderkey, o_totalprice FROM orders
-- part: combine
SELECT o_orderkey FROM partials ORDER BY o_totalprice DESC, o_orderkey DESC

-- == NULLs at the other end
SELECT session_id, number, finished FROM views ORDER BY finished NULLS LAST, session_id, number
-- part: business
video
-- part: partial
SELECT session_id, number, finished FROM views
-- part: combine
SELECT session_id, number, finished FROM partials ORDER BY finished NULLS FIRST, session_id, number

-- == distinct values summed
SELECT count(DISTINCT l_suppkey) AS suppliers FROM lineitem
-- part: partial
SELECT count(DISTINCT l_suppkey) AS suppliers FROM lineitem
-- part: combine
SELECT CAST(sum(suppliers) AS BIGINT) AS suppliers FROM partials

-- == distinct keys in finer groups - adds up only if nothing else made the groups finer
SELECT o_orderstatus, count(DISTINCT o_orderkey) AS orders
FROM orders JOIN lineitem ON l_orderkey = o_orderkey GROUP BY o_orderstatus
-- part: partial
SELECT o_orderstatus, l_returnflag, count(DISTINCT o_orderkey) AS orders
FROM orders JOIN lineitem ON l_orderkey = o_orderkey GROUP BY o_orderstatus, l_returnflag
-- part: combine
SELECT o_orderstatus, CAST(sum(orders) AS BIGINT) AS orders FROM partials GROUP BY o_orderstatus

-- == a count that is NULL - sum over no partials has no rows to count
SELECT count(*) AS orders FROM orders
-- part: partial
SELECT count(*) AS orders FROM orders
-- part: combine
SELECT CAST(sum(orders) AS BIGINT) AS orders FROM partials

-- == a missing coalesce - a customer without orders
SELECT c_custkey, count(o_orderkey) AS orders FROM customer LEFT JOIN orders ON o_custkey = c_custkey GROUP BY c_custkey
-- part: partial
SELECT o_custkey, count(*) AS orders FROM orders GROUP BY o_custkey
-- part: combine
SELECT c_custkey, CAST(sum(orders) AS BIGINT) AS orders
FROM customer LEFT JOIN partials ON o_custkey = c_custkey GROUP BY c_custkey

-- == a LEFT JOIN of a dimension as an inner one
SELECT o_orderkey, c_name FROM orders LEFT JOIN customer ON c_custkey = o_custkey
-- part: partial
SELECT o_orderkey, c_name FROM orders JOIN customer ON c_custkey = o_custkey
-- part: combine
SELECT o_orderkey, c_name FROM partials

-- == a dimension LEFT JOINed by facts in each shard - its rows come once per shard
SELECT c_custkey, o_orderkey FROM customer LEFT JOIN orders ON o_custkey = c_custkey
-- part: partial
SELECT c_custkey, o_orderkey FROM customer LEFT JOIN orders ON o_custkey = c_custkey
-- part: combine
SELECT c_custkey, o_orderkey FROM partials

-- == an anti join in each shard - a customer may have ordered in another one
SELECT c_custkey FROM customer WHERE NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey)
-- part: partial
SELECT c_custkey FROM customer WHERE NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey)
-- part: combine
SELECT DISTINCT c_custkey FROM partials

-- == NOT IN as an anti join - NULL in the list leaves nothing
SELECT count(*) AS sessions FROM sessions WHERE session_id NOT IN (
    SELECT CASE WHEN finished THEN session_id END FROM views)
-- part: business
video
-- part: partial
SELECT count(*) AS sessions FROM sessions s
WHERE NOT EXISTS (SELECT 1 FROM views v WHERE v.session_id = s.session_id AND finished)
-- part: combine
SELECT CAST(coalesce(sum(sessions), 0) AS BIGINT) AS sessions FROM partials

-- == NOT IN in each shard - a NULL in one shard counts in all of them
SELECT count(*) AS sessions FROM sessions WHERE session_id NOT IN (SELECT CASE WHEN finished THEN 'x' WHEN NOT finished THEN 'y' END FROM views)
-- part: business
video
-- part: partial
SELECT count(*) AS sessions FROM sessions WHERE session_id NOT IN (SELECT CASE WHEN finished THEN 'x' WHEN NOT finished THEN 'y' END FROM views)
-- part: combine
SELECT CAST(coalesce(sum(sessions), 0) AS BIGINT) AS sessions FROM partials

-- == a row from an empty shard - GROUP BY () of nothing gives one
SELECT min(number) AS least, list_sort(list(number)) AS all FROM strike
-- part: business
odd
-- part: partial
SELECT number FROM strike
-- part: combine
SELECT min(number) AS least, coalesce(list_sort(list(number)), []) AS all FROM partials

-- == a sum per shard is shown - an empty shard shows NULL
SELECT max(o_orderdate) AS latest, o_orderkey IS NULL AS none FROM orders GROUP BY o_orderkey IS NULL
-- part: partial
SELECT max(o_orderdate) AS latest FROM orders
-- part: combine
SELECT max(latest) AS latest, false AS none FROM partials

-- == a wrong group key
SELECT o_orderstatus, o_orderpriority, sum(o_totalprice) AS price FROM orders GROUP BY o_orderstatus, o_orderpriority
-- part: partial
SELECT o_orderstatus, any_value(o_orderpriority) AS o_orderpriority, sum(o_totalprice) AS price
FROM orders GROUP BY o_orderstatus
-- part: combine
SELECT o_orderstatus, o_orderpriority, sum(price) AS price FROM partials GROUP BY o_orderstatus, o_orderpriority

-- == HAVING in the partial - a group may be large in all shards together
SELECT l_suppkey, sum(l_quantity) AS quantity FROM lineitem GROUP BY l_suppkey HAVING sum(l_quantity) > 10
-- part: partial
SELECT l_suppkey, sum(l_quantity) AS quantity FROM lineitem GROUP BY l_suppkey HAVING sum(l_quantity) > 10
-- part: combine
SELECT l_suppkey, sum(quantity) AS quantity FROM partials GROUP BY l_suppkey

-- == a rank in each shard
SELECT o_orderkey, row_number() OVER (ORDER BY o_totalprice, o_orderkey) AS place FROM orders
-- part: partial
SELECT o_orderkey, row_number() OVER (ORDER BY o_totalprice, o_orderkey) AS place FROM orders
-- part: combine
SELECT o_orderkey, place FROM partials

-- == the best of each shard in groups that span shards
SELECT o_custkey, o_orderkey FROM orders
QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC, o_orderkey) <= 2
-- part: partial
SELECT o_custkey, o_orderkey FROM orders
QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC, o_orderkey) <= 2
-- part: combine
SELECT o_custkey, o_orderkey FROM partials

-- == UNION without DISTINCT in combine
SELECT o_custkey AS number FROM orders UNION SELECT l_suppkey FROM lineitem
-- part: partial
SELECT o_custkey AS number FROM orders UNION SELECT l_suppkey FROM lineitem
-- part: combine
SELECT number FROM partials

-- == UNION ALL with DISTINCT
SELECT o_custkey AS number FROM orders UNION ALL SELECT l_suppkey FROM lineitem
-- part: partial
SELECT o_custkey AS number FROM orders UNION SELECT l_suppkey FROM lineitem
-- part: combine
SELECT number FROM partials

-- == a semi join as an inner one - an order with two late lines comes twice
SELECT o_orderpriority, count(*) AS orders FROM orders
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem WHERE l_commitdate < l_receiptdate) GROUP BY o_orderpriority
-- part: partial
SELECT o_orderpriority, count(*) AS orders FROM orders JOIN lineitem ON l_orderkey = o_orderkey
WHERE l_commitdate < l_receiptdate GROUP BY o_orderpriority
-- part: combine
SELECT o_orderpriority, CAST(sum(orders) AS BIGINT) AS orders FROM partials GROUP BY o_orderpriority

-- == a median of medians
SELECT median(l_quantity) AS quantity FROM lineitem
-- part: partial
SELECT median(l_quantity) AS quantity FROM lineitem HAVING count(*) > 0
-- part: combine
SELECT median(quantity) AS quantity FROM partials

-- == a deviation of deviations
SELECT stddev_samp(l_quantity) AS deviation FROM lineitem
-- part: partial
SELECT stddev_samp(l_quantity) AS deviation FROM lineitem
-- part: combine
SELECT avg(deviation) AS deviation FROM partials

-- == groups with a NULL key are lost - a join does not match what GROUP BY does
SELECT finished, count(*) AS views, count(DISTINCT session_id) AS sessions FROM views GROUP BY finished
-- part: business
video
-- part: partial
SELECT finished, count(*) AS views, count(DISTINCT session_id) AS sessions FROM views GROUP BY finished
-- part: combine
SELECT a.finished, CAST(sum(a.views) AS BIGINT) AS views, CAST(sum(a.sessions) AS BIGINT) AS sessions
FROM partials a JOIN (SELECT DISTINCT finished FROM partials) b ON a.finished = b.finished GROUP BY a.finished

-- == NULLs counted
SELECT "by", count("by") AS readings FROM readings GROUP BY "by"
-- part: business
meters
-- part: partial
SELECT "by", count(*) AS readings FROM readings GROUP BY "by"
-- part: combine
SELECT "by", CAST(sum(readings) AS BIGINT) AS readings FROM partials GROUP BY "by"

-- == a ROLLUP in each shard - its total comes again and again
SELECT o_orderstatus, count(*) AS orders FROM orders GROUP BY ROLLUP (o_orderstatus)
-- part: partial
SELECT o_orderstatus, count(*) AS orders FROM orders GROUP BY ROLLUP (o_orderstatus)
-- part: combine
SELECT o_orderstatus, CAST(orders AS BIGINT) AS orders FROM partials

-- == another type
SELECT count(*) AS orders FROM orders
-- part: partial
SELECT count(*) AS orders FROM orders
-- part: combine
SELECT CAST(coalesce(sum(orders), 0) AS INTEGER) AS orders FROM partials

-- == another name
SELECT count(*) AS orders FROM orders
-- part: partial
SELECT count(*) AS orders FROM orders
-- part: combine
SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS order_count FROM partials

-- == a sum that Parquet rounds
SELECT sum(l_linenumber) AS numbers FROM lineitem
-- part: partial
SELECT sum(l_linenumber) AS numbers FROM lineitem
-- part: combine
SELECT CAST(sum(numbers) AS HUGEINT) AS numbers FROM partials

-- == a combine that fails
SELECT count(*) AS orders FROM orders
-- part: partial
SELECT count(*) AS orders FROM orders
-- part: combine
SELECT CAST(sum(ordres) AS BIGINT) AS orders FROM partials

-- == a combine that reads facts
SELECT count(*) AS orders FROM orders
-- part: partial
SELECT count(*) AS orders FROM orders
-- part: combine
SELECT count(*) AS orders FROM orders, (SELECT DISTINCT 1 FROM partials)

-- == one value where plain SQL fails - a subquery that gives several rows
SELECT (SELECT o_orderkey FROM orders) AS number
-- part: partial
SELECT o_orderkey FROM orders LIMIT 1
-- part: combine
SELECT (SELECT o_orderkey FROM partials LIMIT 1) AS number

-- == a case that folds
SELECT count(*) AS orders FROM orders WHERE o_orderstatus = 'F'
-- part: partial
SELECT count(*) AS orders FROM orders WHERE o_orderstatus ILIKE 'F'
-- part: combine
SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS orders FROM partials

-- == a parameter at the wrong place
SELECT count(*) AS orders FROM orders WHERE o_orderdate >= $from AND o_orderdate < $until
-- part: partial
SELECT count(*) AS orders FROM orders WHERE o_orderdate >= $from AND o_orderdate < $from
-- part: combine
SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS orders FROM partials
