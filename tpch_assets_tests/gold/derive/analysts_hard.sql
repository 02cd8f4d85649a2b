-- Statements that are easily cut wrong.

-- == a window below a LIMIT
SELECT o_orderkey, row_number() OVER (ORDER BY o_totalprice, o_orderkey) AS place FROM orders ORDER BY o_orderkey LIMIT 5

-- == a total beside the first rows
SELECT o_orderkey, count(*) OVER () AS n, sum(o_totalprice) OVER () AS p FROM orders ORDER BY o_orderkey LIMIT 3

-- == two ranks, both filtered
SELECT o_orderkey FROM (SELECT o_orderkey, rank() OVER (ORDER BY o_totalprice DESC) AS a, rank() OVER (ORDER BY o_orderdate) AS b FROM orders)
WHERE a <= 5 AND b <= 6 ORDER BY o_orderkey

-- == two ranks, one filtered
SELECT o_orderkey, a, b FROM (SELECT o_orderkey, rank() OVER (ORDER BY o_totalprice DESC) AS a, rank() OVER (ORDER BY o_orderdate) AS b FROM orders)
WHERE a <= 3 ORDER BY o_orderkey

-- == a rank or something else
SELECT o_orderkey FROM (SELECT o_orderkey, o_orderstatus, rank() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC) AS a FROM orders)
WHERE a <= 1 OR o_orderstatus = 'F' ORDER BY o_orderkey

-- == a rank beside a total of the same rows
SELECT o_custkey, o_orderkey, count(*) OVER (PARTITION BY o_custkey) AS n FROM orders
QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC, o_orderkey) = 1 ORDER BY ALL

-- == a rank from the other side
SELECT o_orderkey FROM orders QUALIFY 3 >= rank() OVER (ORDER BY o_totalprice) ORDER BY o_orderkey

-- == all but the best
SELECT o_orderkey FROM orders QUALIFY rank() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC) > 1 ORDER BY o_orderkey

-- == a rank without order
SELECT o_orderkey FROM orders QUALIFY rank() OVER (PARTITION BY o_custkey) <= 1 ORDER BY o_orderkey

-- == a dense rank limited
SELECT o_orderkey, o_totalprice FROM orders QUALIFY dense_rank() OVER (ORDER BY o_totalprice DESC) <= 2 ORDER BY ALL

-- == a rank by a parameter
SELECT o_custkey, o_orderkey FROM orders QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_orderkey) <= $least ORDER BY ALL

-- == a rank filtered after a join
SELECT c_name, o_orderkey FROM (SELECT *, row_number() OVER (PARTITION BY o_custkey ORDER BY o_orderkey) AS n FROM orders) o
JOIN customer ON c_custkey = o_custkey WHERE n = 1 AND o_orderstatus = 'F' ORDER BY ALL

-- == distinct of a window
SELECT DISTINCT o_custkey, max(o_totalprice) OVER (PARTITION BY o_custkey) AS most FROM orders ORDER BY o_custkey

-- == distinct below a LIMIT
SELECT DISTINCT o_custkey % 3 AS part FROM orders ORDER BY part LIMIT 2

-- == distinct on, limited
SELECT DISTINCT ON (o_custkey) o_custkey, o_orderkey FROM orders ORDER BY o_custkey, o_orderkey DESC LIMIT 3

-- == exists anywhere
SELECT count(*) AS n FROM orders WHERE EXISTS (SELECT 1 FROM lineitem WHERE l_returnflag = 'R')

-- == not exists anywhere - silent
SELECT o_orderkey FROM orders WHERE NOT EXISTS (SELECT 1 FROM lineitem WHERE l_quantity > 100) ORDER BY 1

-- == exists anywhere, grouped by the key
SELECT o_orderkey, count(*) AS n FROM orders JOIN lineitem ON l_orderkey = o_orderkey
WHERE EXISTS (SELECT 1 FROM lineitem WHERE l_returnflag = 'R') GROUP BY o_orderkey ORDER BY o_orderkey

-- == a correlated key with something added
SELECT o_orderkey, (SELECT count(*) FROM lineitem WHERE l_orderkey + 0 = o_orderkey) AS n FROM orders ORDER BY 1

-- == a correlated key that differs
SELECT o_orderkey, (SELECT count(*) FROM lineitem WHERE l_orderkey > o_orderkey) AS n FROM orders ORDER BY 1

-- == a correlated key or something else
SELECT count(*) AS n FROM orders WHERE EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey OR l_suppkey = o_custkey)

-- == a subquery of a subquery that skips a level
SELECT c_custkey FROM customer WHERE EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey AND o_totalprice > (
    SELECT avg(l_extendedprice) FROM lineitem WHERE l_suppkey = c_nationkey)) ORDER BY 1

-- == a subquery of two levels by the key
SELECT o_orderkey FROM orders o WHERE EXISTS (SELECT 1 FROM lineitem l WHERE l.l_orderkey = o.o_orderkey
    AND l.l_quantity > (SELECT avg(m.l_quantity) FROM lineitem m WHERE m.l_orderkey = o.o_orderkey)) ORDER BY 1

-- == a subquery that gives several rows
SELECT o_orderkey, (SELECT l_linenumber FROM lineitem WHERE l_orderkey = o_orderkey) AS n FROM orders ORDER BY 1

-- == an IN within an aggregate
SELECT sum(CASE WHEN o_orderkey IN (SELECT l_orderkey FROM lineitem WHERE l_returnflag = 'R') THEN o_totalprice ELSE 0 END) AS p FROM orders

-- == a global IN within an aggregate
SELECT count(CASE WHEN o_custkey IN (SELECT l_suppkey FROM lineitem) THEN 1 END) AS n FROM orders

-- == a filter with a subquery
SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey)) AS n, count(*) AS all FROM orders

-- == an IN of an IN
SELECT count(*) AS n FROM lineitem WHERE l_orderkey IN (SELECT o_orderkey FROM orders WHERE o_custkey IN (SELECT l_suppkey FROM lineitem))

-- == an IN of two columns
SELECT count(*) AS n FROM lineitem WHERE (l_orderkey, l_linenumber) IN (SELECT l_orderkey, max(l_linenumber) FROM lineitem GROUP BY l_orderkey)

-- == an IN of two columns that are no key
SELECT o_orderkey FROM orders WHERE (o_custkey, o_totalprice) IN (SELECT o_custkey, max(o_totalprice) FROM orders GROUP BY o_custkey) ORDER BY 1

-- == NOT IN of an expression of the key
SELECT count(*) AS n FROM orders WHERE o_orderkey NOT IN (SELECT l_orderkey + 1 FROM lineitem)

-- == NOT IN of a possibly empty list
SELECT count(*) AS n FROM orders WHERE o_custkey NOT IN (SELECT l_suppkey FROM lineitem WHERE l_quantity > 1000)

-- == NOT IN of the nullable side's key - silent
SELECT count(*) AS n FROM orders WHERE o_orderkey NOT IN (SELECT l_orderkey FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey)

-- == a comparison with the nullable side's key
SELECT count(*) AS n FROM customer WHERE c_custkey IN (SELECT l_suppkey FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey)

-- == equal to another fact's key, but not colocated
SELECT a.o_orderkey, count(*) AS n FROM orders a JOIN orders b ON a.o_orderkey = b.o_custkey GROUP BY a.o_orderkey ORDER BY 1

-- == equal to another fact's key, both ways
SELECT a.o_orderkey, count(*) AS n FROM orders a JOIN orders b ON a.o_orderkey = b.o_custkey AND b.o_orderkey = a.o_custkey GROUP BY a.o_orderkey ORDER BY 1

-- == grouped by what equals the key only where it matches
SELECT b.o_custkey, count(*) AS n FROM orders a LEFT JOIN orders b ON a.o_orderkey = b.o_custkey GROUP BY b.o_custkey ORDER BY 1

-- == grouped by a dimension's column that equals the key where it matches
SELECT c_custkey, count(*) AS n FROM orders LEFT JOIN customer ON c_custkey = o_orderkey GROUP BY c_custkey ORDER BY 1

-- == grouped by a dimension's column that equals the key
SELECT c_custkey, count(*) AS n, count(DISTINCT o_custkey) AS d FROM orders JOIN customer ON c_custkey = o_orderkey GROUP BY c_custkey ORDER BY 1

-- == the nullable side joined on
SELECT o_orderkey, count(m.l_linenumber) AS n FROM orders LEFT JOIN lineitem l ON l.l_orderkey = o_orderkey
LEFT JOIN lineitem m ON m.l_orderkey = l.l_orderkey AND m.l_linenumber <> l.l_linenumber GROUP BY o_orderkey ORDER BY 1

-- == the nullable side's key coalesced
SELECT coalesce(l_orderkey, 0) AS k, count(*) AS n FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey GROUP BY 1 ORDER BY 1

-- == an inner join behind a left one
SELECT count(*) AS n FROM orders LEFT JOIN customer ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey AND l_suppkey = c_custkey

-- == a left join of a join
SELECT o_orderkey, count(l_orderkey) AS n FROM orders LEFT JOIN (SELECT l_orderkey FROM lineitem JOIN part ON p_partkey = l_partkey) ON l_orderkey = o_orderkey
GROUP BY o_orderkey ORDER BY 1

-- == a left join on a constant
SELECT count(*) AS n, count(l_orderkey) AS m FROM orders LEFT JOIN lineitem ON l_orderkey = 1

-- == a left join on nothing
SELECT count(*) AS n, count(c_custkey) AS m FROM orders LEFT JOIN customer ON false

-- == a dimension left joined by an aggregate
SELECT c_custkey, n FROM customer LEFT JOIN (SELECT o_custkey, count(*) AS n FROM orders GROUP BY o_custkey) ON o_custkey = c_custkey ORDER BY 1

-- == a dimension left joined by an aggregate of the key
SELECT c_custkey, n FROM customer LEFT JOIN (SELECT o_orderkey, count(*) AS n FROM orders GROUP BY o_orderkey) ON o_orderkey = c_custkey ORDER BY 1

-- == a dimension right joined
SELECT c_custkey, count(*) AS n FROM orders RIGHT JOIN customer ON c_custkey = o_custkey GROUP BY c_custkey ORDER BY 1

-- == a cross join with a dimension
SELECT r_name, count(*) AS n, sum(o_totalprice) AS p FROM orders, region GROUP BY r_name ORDER BY 1

-- == a dimension by an inequality
SELECT s_suppkey, count(*) AS n FROM orders JOIN supplier ON s_acctbal > o_totalprice GROUP BY s_suppkey ORDER BY 1

-- == a CTE with the name of its table
WITH orders AS (SELECT * FROM orders WHERE o_orderstatus = 'F') SELECT count(*) AS n, sum(o_totalprice) AS p FROM orders

-- == a CTE with the name of another table
WITH lineitem AS (SELECT o_orderkey AS l_orderkey FROM orders) SELECT count(*) AS n FROM lineitem

-- == a CTE with the name of a dimension
WITH customer AS (SELECT o_custkey AS c_custkey FROM orders) SELECT c_custkey, count(*) AS n FROM customer GROUP BY c_custkey ORDER BY 1

-- == a CTE within a subquery
SELECT count(*) AS n FROM (WITH o AS (SELECT o_custkey FROM orders) SELECT DISTINCT o_custkey FROM o)

-- == a CTE shadowed by another
WITH a AS (SELECT o_orderkey AS k FROM orders), b AS (WITH a AS (SELECT l_orderkey AS k FROM lineitem) SELECT count(*) AS n FROM a)
SELECT count(*) AS n, (SELECT n FROM b) AS lines FROM a

-- == a CTE with named columns
WITH a (k, v) AS (SELECT o_custkey, sum(o_totalprice) FROM orders GROUP BY o_custkey) SELECT max(v) AS v, count(k) AS k FROM a

-- == a CTE with a LIMIT used twice
WITH top AS (SELECT o_orderkey, o_custkey FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 4)
SELECT a.o_orderkey, count(*) AS n FROM top a JOIN top b ON a.o_custkey = b.o_custkey GROUP BY a.o_orderkey ORDER BY 1

-- == names that an engine might use
SELECT partials.o_orderkey AS m0, f0.l_linenumber AS c0, count(*) AS k0 FROM orders AS partials JOIN lineitem AS f0 ON f0.l_orderkey = partials.o_orderkey
GROUP BY ALL ORDER BY ALL

-- == a table named like the engine's
WITH partials AS (SELECT o_custkey, count(*) AS n FROM orders GROUP BY o_custkey) SELECT max(n) AS n FROM partials

-- == case of names
SELECT O_OrderStatus, COUNT(*) AS "N" FROM Orders WHERE O_TOTALPRICE > 0 GROUP BY o_ORDERSTATUS ORDER BY "N" DESC, o_orderstatus

-- == an alias that hides a column, grouped
SELECT max(o_custkey) AS o_orderkey, count(*) AS n FROM orders GROUP BY o_orderkey ORDER BY ALL

-- == an alias that hides a column, grouped by number
SELECT o_custkey % 2 AS o_custkey, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1

-- == an alias that hides a column, in HAVING
SELECT o_custkey, max(o_totalprice) AS o_totalprice FROM orders GROUP BY o_custkey HAVING max(o_totalprice) > 1 ORDER BY o_totalprice, o_custkey

-- == an alias that hides a column, ordered
SELECT o_orderkey, -o_totalprice AS o_totalprice FROM orders ORDER BY o_totalprice, o_orderkey LIMIT 4

-- == an alias that hides a column, in QUALIFY
SELECT o_orderkey, o_custkey % 2 AS o_custkey FROM orders QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_orderkey) = 1 ORDER BY ALL

-- == an alias within an aggregate
SELECT o_custkey % 2 AS part, sum(part) AS s FROM orders GROUP BY part ORDER BY part

-- == strings that look like something else
SELECT count(*) AS n, 'it''s $word -- no comment' AS "a ""b"" $c" FROM orders WHERE o_comment <> '/* $from */' -- and $this

-- == a constant as a group
SELECT 1 AS one, 'x' AS x, count(*) AS n FROM orders GROUP BY 1, 2

-- == an ordinal beside a constant
SELECT o_orderstatus, 5 AS five, count(*) AS n FROM orders GROUP BY o_orderstatus, 2 ORDER BY 3, 1

-- == group by a boolean
SELECT o_totalprice > 1 AS high, count(*) AS n FROM orders GROUP BY high ORDER BY high

-- == empty grouping sets
SELECT count(*) AS n, sum(o_totalprice) AS p FROM orders GROUP BY GROUPING SETS ((), ())

-- == grouping sets with the key
SELECT o_orderkey, o_custkey, count(*) AS n FROM orders GROUP BY GROUPING SETS ((o_orderkey), (o_custkey), (o_orderkey, o_custkey)) ORDER BY ALL

-- == cube filtered by grouping
SELECT o_orderstatus, o_orderpriority, grouping_id(o_orderstatus, o_orderpriority) AS g, count(DISTINCT o_custkey) AS n FROM orders
GROUP BY CUBE (o_orderstatus, o_orderpriority) HAVING grouping_id(o_orderstatus, o_orderpriority) < 3 ORDER BY ALL

-- == several distinct aggregates
SELECT o_orderstatus, count(DISTINCT o_custkey) AS a, count(DISTINCT o_clerk) AS b, sum(DISTINCT o_totalprice) AS c, count(o_orderkey) AS d, min(o_orderdate) AS e
FROM orders GROUP BY o_orderstatus ORDER BY 1

-- == distinct aggregates over a fan out
SELECT count(DISTINCT o_orderkey) AS a, sum(DISTINCT o_totalprice) AS b, count(*) AS c, count(DISTINCT l_orderkey) AS d
FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey

-- == distinct keys per supplier
SELECT l_suppkey, count(DISTINCT l_orderkey) AS n FROM lineitem GROUP BY l_suppkey ORDER BY n DESC, l_suppkey LIMIT 4

-- == distinct keys per supplier with distinct parts
SELECT l_suppkey, count(DISTINCT l_orderkey) AS n, count(DISTINCT l_partkey) AS p, sum(l_quantity) AS q FROM lineitem GROUP BY l_suppkey ORDER BY 1

-- == distinct keys filtered
SELECT count(DISTINCT l_orderkey) FILTER (l_returnflag = 'R') AS a, count(DISTINCT l_orderkey) AS b FROM lineitem

-- == distinct keys over a fan out of facts not by key
SELECT count(DISTINCT o_orderkey) AS n FROM orders JOIN lineitem ON l_suppkey = o_custkey

-- == averages of everything
SELECT avg(l_linenumber) AS a, avg(l_orderkey) AS b, avg(l_quantity * 2) AS c, avg(l_extendedprice * (1 - l_discount)) AS d FROM lineitem GROUP BY l_returnflag ORDER BY ALL

-- == an average of times
SELECT avg(o_ordertime) AS t FROM orders

-- == sums of everything
SELECT sum(l_linenumber) AS a, sum(l_orderkey) AS b, sum(l_quantity > 1) AS c, sum(l_receiptdate - l_shipdate) AS d, sum(1) AS e, sum(NULL) AS f FROM lineitem

-- == sums that are cast
SELECT CAST(sum(l_linenumber) AS BIGINT) AS a, sum(CAST(l_linenumber AS BIGINT)) AS b, sum(l_quantity)::DOUBLE AS c FROM lineitem

-- == the largest of texts and times
SELECT max(o_comment) AS a, min(o_ordertime) AS b, max(o_orderdate) AS c, min(o_orderstatus || o_clerk) AS d FROM orders

-- == the best three
SELECT max(o_totalprice, 3) AS a, min(o_orderkey, 2) AS b, arg_max(o_orderkey, o_orderkey, 2) AS c FROM orders

-- == moments
SELECT skewness(o_totalprice) AS a, kurtosis(o_totalprice) AS b, entropy(o_orderstatus) AS c, sem(o_totalprice) AS d FROM orders

-- == within group - whole
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY o_totalprice) AS a, mode() WITHIN GROUP (ORDER BY o_orderstatus) AS b FROM orders

-- == an ordered subquery aggregated - whole
SELECT list(o_orderkey) AS keys FROM (SELECT o_orderkey FROM orders ORDER BY o_totalprice, o_orderkey)

-- == an ordered and limited list
SELECT list(o_orderkey ORDER BY o_orderkey)[1:3] AS keys, string_agg(o_orderstatus, '' ORDER BY o_orderkey) AS s FROM orders

-- == first and last of all - whole
SELECT first(o_orderkey ORDER BY o_totalprice, o_orderkey) AS a, last(o_orderkey ORDER BY o_totalprice, o_orderkey) AS b, first(o_orderstatus) AS c FROM orders

-- == a group of an aggregate
SELECT n, count(*) AS customers, sum(p) AS p FROM (SELECT o_custkey, count(*) AS n, sum(o_totalprice) AS p FROM orders GROUP BY o_custkey) GROUP BY n ORDER BY n

-- == share of a total, limited
SELECT o_custkey, sum(o_totalprice) AS p, sum(sum(o_totalprice)) OVER () AS total FROM orders GROUP BY o_custkey ORDER BY p DESC, o_custkey LIMIT 3

-- == share of a total per key, limited
SELECT l_orderkey, sum(l_quantity) AS q, sum(sum(l_quantity)) OVER () AS total FROM lineitem GROUP BY l_orderkey ORDER BY q DESC, l_orderkey LIMIT 3

-- == a window of a window's rows
SELECT n, count(*) AS m FROM (SELECT count(*) OVER (PARTITION BY o_custkey) AS n FROM orders) GROUP BY n ORDER BY n

-- == a difference of windows
SELECT o_orderkey, o_totalprice - first_value(o_totalprice) OVER (PARTITION BY o_orderstatus ORDER BY o_ordertime, o_orderkey) AS d FROM orders ORDER BY 1

-- == a window over the key and more
SELECT l_orderkey, l_returnflag, count(*) OVER (PARTITION BY l_returnflag, l_orderkey) AS n FROM lineitem ORDER BY ALL

-- == a window filter over the key, then all
SELECT count(*) AS n, sum(l_quantity) AS q FROM (SELECT * FROM lineitem QUALIFY row_number() OVER (PARTITION BY l_orderkey ORDER BY l_linenumber DESC) = 1)

-- == intersect all
SELECT o_custkey FROM orders INTERSECT ALL SELECT l_suppkey FROM lineitem

-- == three sets
SELECT o_custkey AS k FROM orders UNION SELECT l_suppkey FROM lineitem EXCEPT SELECT c_custkey FROM customer ORDER BY k

-- == three sets of keys
SELECT o_orderkey AS k FROM orders UNION ALL (SELECT l_orderkey FROM lineitem EXCEPT SELECT o_orderkey FROM orders) ORDER BY k

-- == a union, then distinct keys
SELECT count(DISTINCT k) AS n FROM (SELECT o_orderkey AS k FROM orders UNION ALL SELECT l_orderkey FROM lineitem)

-- == a union, limited
SELECT o_orderkey AS k FROM orders UNION ALL SELECT l_orderkey FROM lineitem ORDER BY k LIMIT 5

-- == a union with a constant
SELECT o_orderkey AS k FROM orders UNION ALL SELECT -5 ORDER BY k

-- == a union of other types
SELECT o_orderkey AS k FROM orders UNION ALL SELECT l_quantity FROM lineitem ORDER BY k

-- == a union with NULL
SELECT o_orderkey AS k, o_orderdate AS d FROM orders UNION ALL SELECT l_orderkey, NULL FROM lineitem ORDER BY ALL

-- == an except with duplicates of a dimension
SELECT c_custkey FROM customer EXCEPT ALL SELECT o_custkey FROM orders ORDER BY 1

-- == two aggregates joined
SELECT a.o_custkey, a.n, b.q FROM (SELECT o_custkey, count(*) AS n FROM orders GROUP BY o_custkey) a
LEFT JOIN (SELECT l_suppkey, sum(l_quantity) AS q FROM lineitem GROUP BY l_suppkey) b ON b.l_suppkey = a.o_custkey ORDER BY 1

-- == two totals joined by an inequality
SELECT a.n, b.m FROM (SELECT count(*) AS n FROM orders) a JOIN (SELECT count(*) AS m FROM lineitem) b ON b.m > a.n

-- == a join after DISTINCT
SELECT count(*) AS n FROM (SELECT DISTINCT o_custkey FROM orders) JOIN customer ON c_custkey = o_custkey

-- == facts beside a distinct dimension
SELECT count(*) AS n FROM orders JOIN (SELECT DISTINCT c_nationkey FROM customer) ON c_nationkey = o_custkey

-- == a semi join beside an anti join
SELECT o_orderstatus, count(*) AS n FROM orders SEMI JOIN lineitem ON l_orderkey = o_orderkey ANTI JOIN customer ON c_custkey = o_custkey GROUP BY ALL ORDER BY 1

-- == a semi join not by the key
SELECT count(*) AS n FROM orders SEMI JOIN lineitem ON l_suppkey = o_custkey

-- == an anti join not by the key
SELECT o_orderkey FROM orders ANTI JOIN lineitem ON l_suppkey = o_custkey ORDER BY 1

-- == an anti join with a filter on both
SELECT o_orderkey FROM orders ANTI JOIN lineitem ON l_orderkey = o_orderkey AND l_quantity > o_totalprice ORDER BY 1

-- == the engine's own column - whole
SELECT _batch, count(*) AS n FROM orders GROUP BY _batch

-- == the number of a row - whole
SELECT max(rowid) AS n FROM orders

-- == a positional join - whole
SELECT count(*) AS n FROM orders POSITIONAL JOIN lineitem

-- == an order by chance - whole
SELECT o_orderkey FROM orders ORDER BY random() LIMIT 1

-- == today - whole
SELECT count(*) AS n FROM orders WHERE o_orderdate < current_date

-- == an order by nothing
SELECT o_orderkey FROM orders ORDER BY o_orderkey + NULL, o_orderkey LIMIT 3

-- == an order of an order
SELECT * FROM (SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 6) ORDER BY o_orderkey LIMIT 2

-- == a limit of a parameter that is large
SELECT o_orderkey FROM orders ORDER BY o_orderkey LIMIT 100000 OFFSET $least

-- == a fetch - whole
SELECT o_orderkey FROM orders ORDER BY o_orderkey FETCH FIRST 3 ROWS ONLY

-- == division by zero
SELECT o_orderstatus, sum(o_totalprice) / (count(*) - count(*)) AS p, 1 / sum(0) AS z FROM orders GROUP BY o_orderstatus ORDER BY 1

-- == case of no rows
SELECT CASE WHEN count(*) = 0 THEN 'none' WHEN sum(o_totalprice) > 0 THEN 'plus' ELSE 'minus' END AS what FROM orders

-- == coalesced sums
SELECT coalesce(sum(l_quantity) FILTER (l_returnflag = 'R'), 0) AS r, coalesce(sum(l_quantity), -1) AS q FROM lineitem

-- == a boolean of aggregates
SELECT count(*) > 10 AS many, max(o_totalprice) > min(o_totalprice) AND bool_or(o_orderstatus = 'F') AS b FROM orders

-- == an aggregate of a subquery's value
SELECT sum((SELECT count(*) FROM lineitem WHERE l_orderkey = o_orderkey)) AS n, max((SELECT max(c_acctbal) FROM customer WHERE c_custkey = o_custkey)) AS b FROM orders

-- == an aggregate of a subquery's value over all
SELECT sum(o_totalprice - (SELECT avg(o_totalprice) FROM orders)) AS d FROM orders

-- == a subquery grouped by
SELECT (SELECT count(*) FROM lineitem WHERE l_orderkey = o_orderkey) AS lines, count(*) AS n FROM orders GROUP BY lines ORDER BY lines

-- == a subquery ordered by
SELECT o_orderkey FROM orders ORDER BY (SELECT count(*) FROM lineitem WHERE l_orderkey = o_orderkey) DESC, o_orderkey LIMIT 4

-- == a key from a dimension's subquery
SELECT count(*) AS n FROM orders WHERE o_orderkey IN (SELECT c_custkey FROM customer)

-- == a limit in a correlated subquery
SELECT o_orderkey, (SELECT l_linenumber FROM lineitem WHERE l_orderkey = o_orderkey ORDER BY l_quantity, l_linenumber LIMIT 1) AS l FROM orders ORDER BY 1

-- == a limit in a correlated subquery, not by key
SELECT c_custkey, (SELECT o_orderkey FROM orders WHERE o_custkey = c_custkey ORDER BY o_totalprice, o_orderkey LIMIT 1) AS o FROM customer ORDER BY 1

-- == having with a correlated subquery
SELECT o_custkey, count(*) AS n FROM orders GROUP BY o_custkey
HAVING count(*) > (SELECT count(*) FROM customer WHERE c_nationkey = o_custkey) ORDER BY 1

-- == having with a correlated subquery over facts
SELECT o_custkey, count(*) AS n FROM orders o GROUP BY o_custkey
HAVING count(*) >= (SELECT count(DISTINCT l_orderkey) FROM lineitem WHERE l_suppkey = o.o_custkey) ORDER BY 1

-- business: video

-- == a struct's field with a table's name
SELECT name, count(*) AS n FROM (SELECT studio.name AS name FROM videos JOIN views USING (video_id)) GROUP BY name ORDER BY name

-- == a table's alias that is a struct's name
SELECT studio.video_id, studio.studio.name AS name, count(*) AS n FROM videos studio JOIN views v ON v.video_id = studio.video_id GROUP BY ALL ORDER BY ALL

-- == using over three tables
SELECT session_id, user_id, count(number) AS n FROM sessions LEFT JOIN views USING (session_id) LEFT JOIN users USING (user_id) GROUP BY ALL ORDER BY ALL

-- == using, right
SELECT session_id, count(user_id) AS n, count(*) AS m FROM sessions RIGHT JOIN views USING (session_id) GROUP BY session_id ORDER BY session_id

-- == using a nullable key again
SELECT count(*) AS n FROM sessions LEFT JOIN views USING (session_id) LEFT JOIN (SELECT session_id, max(number) AS m FROM views GROUP BY session_id) USING (session_id)

-- == grouped by a float
SELECT share, count(*) AS n, count(DISTINCT session_id) AS s FROM views GROUP BY share ORDER BY share

-- == distinct floats
SELECT count(DISTINCT share) AS n, min(share) AS a, max(share) AS b FROM views

-- == NULL is a group
SELECT age, count(DISTINCT user_id) AS users, count(session_id) AS n FROM sessions LEFT JOIN users USING (user_id) GROUP BY age ORDER BY age

-- == boolean of NULLs
SELECT session_id, bool_and(finished) AS a, bool_or(finished) AS o, count(finished) AS n, sum(finished::INTEGER) AS s FROM views GROUP BY session_id ORDER BY 1

-- == boolean of NULLs in all
SELECT bool_and(finished) AS a, bool_or(finished) AS o, min(finished) AS m, max(finished) AS x, any_value(finished) IS NULL AS none FROM views

-- == filter by NULL
SELECT count(*) FILTER (finished IS NULL) AS n, count(*) FILTER (NULL) AS none, sum(share) FILTER (share > 10000) AS s FROM views

-- == NULL safe IN
SELECT count(*) AS n FROM views WHERE finished IN (SELECT finished FROM views WHERE number = 1)

-- == NULL safe NOT IN
SELECT count(*) AS n FROM views WHERE coalesce(finished, false) NOT IN (SELECT finished FROM views WHERE number = 1 AND finished IS NOT NULL)

-- == joined by two columns that may be NULL
SELECT count(*) AS n FROM views a JOIN views b ON a.finished = b.finished AND a.number = b.number WHERE a.session_id < b.session_id

-- == left joined by a column that may be NULL
SELECT a.session_id, a.number, count(b.number) AS n FROM views a LEFT JOIN users u ON u.age = a.number LEFT JOIN views b ON b.session_id = a.session_id AND b.finished = a.finished
GROUP BY ALL ORDER BY ALL

-- == a window with NULLs in its order
SELECT session_id, number, row_number() OVER (PARTITION BY video_id ORDER BY finished, session_id, number) AS n FROM views ORDER BY ALL

-- == the best with NULLs in its order
SELECT video_id, session_id, number FROM views QUALIFY row_number() OVER (PARTITION BY video_id ORDER BY finished DESC, session_id, number) = 1 ORDER BY ALL

-- == the first with NULLs first
SELECT session_id, number, finished FROM views ORDER BY finished DESC NULLS FIRST, session_id, number LIMIT 5

-- == texts with NULL in a row
SELECT string_agg(coalesce(title, '?'), ',' ORDER BY title, video_id) AS t, count(title) AS n FROM views JOIN videos USING (video_id)

-- == a key as text and number
SELECT count(DISTINCT session_id) AS n, count(DISTINCT user_id) AS u, count(DISTINCT (session_id, user_id)) AS b FROM sessions

-- == two lists at once - whole
SELECT session_id, number, unnest(tags) AS tag, unnest([1, 2]) AS n FROM views JOIN videos USING (video_id) ORDER BY ALL

-- == an unnested key
SELECT k, count(*) AS n FROM (SELECT unnest([session_id, 'x']) AS k FROM sessions) GROUP BY k ORDER BY k

-- == a key beside a list
SELECT session_id, count(*) AS n, count(DISTINCT tag) AS tags FROM (SELECT session_id, unnest(tags) AS tag FROM views JOIN videos USING (video_id)) GROUP BY session_id ORDER BY 1

-- == a list in FROM, kept if empty - whole
SELECT views.session_id, count(t.tag) AS n, count(*) AS m FROM views JOIN videos USING (video_id) LEFT JOIN unnest(tags) AS t(tag) ON true GROUP BY ALL ORDER BY ALL

-- == the first values of lists - whole
SELECT session_id, unnest(tags) AS tag FROM views JOIN videos USING (video_id) ORDER BY tag, session_id LIMIT 4

-- == distinct values of lists - whole
SELECT DISTINCT unnest(tags) AS tag FROM views JOIN videos USING (video_id) ORDER BY tag

-- == a struct's fields - whole
SELECT unnest(studio), number FROM views JOIN videos USING (video_id) ORDER BY ALL

-- == a list of an aggregate - whole
SELECT unnest(list(DISTINCT video_id ORDER BY video_id)) AS v, session_id FROM views GROUP BY session_id ORDER BY ALL

-- == a list of an aggregate over all - whole
SELECT unnest(list(video_id ORDER BY video_id, session_id, number)) AS v FROM views

-- == a lambda's name that is a column's
SELECT session_id, number, list_transform(tags, lambda title: upper(title)) AS t, list_filter(tags, lambda x: x <> title) AS f FROM views JOIN videos USING (video_id) ORDER BY ALL

-- == a lambda within an aggregate
SELECT sum(len(list_filter(tags, lambda t: t = 'a'))) AS n, max(list_reduce(list_transform([1, 2], lambda x, i: x + i), lambda a, b: a + b + number)) AS m FROM views JOIN videos USING (video_id)

-- == a comprehension
SELECT count(*) AS n, sum(len([t || 'x' for t in tags if t IS NOT NULL])) AS s FROM views JOIN videos USING (video_id)

-- == named windows that build on each other
SELECT session_id, number, rank() OVER w AS r, sum(number) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s, count(*) OVER (PARTITION BY video_id) AS n
FROM views WINDOW w AS (PARTITION BY video_id ORDER BY session_id, number) ORDER BY ALL

-- == a named window in QUALIFY
SELECT video_id, session_id, number FROM views WINDOW w AS (PARTITION BY video_id ORDER BY session_id, number) QUALIFY row_number() OVER w <= 1 ORDER BY ALL

-- == values joined twice
SELECT a.x, b.y, count(*) AS n FROM (VALUES (1, 'a'), (2, 'b')) a(x, l) JOIN views ON number = a.x LEFT JOIN (VALUES (1, 'p'), (1, 'q')) b(x, y) ON b.x = a.x GROUP BY ALL ORDER BY ALL

-- == values beside a key
SELECT k, count(s.session_id) AS n FROM (VALUES ('a'), ('b'), (NULL)) v(k) LEFT JOIN sessions s ON s.session_id = v.k GROUP BY k ORDER BY k

-- == a range of a column - whole
SELECT session_id, n FROM views, range(number) t(n) ORDER BY ALL

-- == a spine of days with a total
SELECT d, count(s.session_id) AS n, sum(count(s.session_id)) OVER (ORDER BY d) AS running
FROM (SELECT unnest(generate_series(DATE '2025-12-31', DATE '2026-01-03', INTERVAL 1 DAY)) AS d) LEFT JOIN sessions s ON CAST(s.started AS DATE) = d GROUP BY d ORDER BY d

-- == a spine up to the latest - whole
SELECT d, count(s.session_id) AS n FROM (SELECT unnest(range((SELECT min(number) FROM views), (SELECT max(number) FROM views))) AS d) LEFT JOIN sessions s ON s.user_id = d GROUP BY d ORDER BY d

-- == a natural join of facts
SELECT count(*) AS n FROM (SELECT session_id, started FROM sessions) NATURAL LEFT JOIN (SELECT session_id, number FROM views)

-- == a natural join by more than the key - whole
SELECT count(*) AS n FROM sessions NATURAL JOIN users

-- == a variance of groups
SELECT video_id, stddev_samp(number) AS a, var_pop(number) AS b, stddev_pop(length) AS c, var_samp(number) FILTER (finished) AS d FROM views JOIN videos USING (video_id) GROUP BY video_id ORDER BY video_id

-- == a variance of a variance
SELECT stddev(n) AS a, variance(n) AS b, count(n) AS c FROM (SELECT stddev(number) AS n FROM views GROUP BY session_id)

-- == a variance that decides - whole
SELECT video_id FROM views GROUP BY video_id HAVING stddev(number) > 0.5 ORDER BY video_id

-- == a variance of equal values
SELECT stddev_pop(1) AS a, var_samp(number * 0) AS b, stddev(CAST(number AS DECIMAL(18, 2)) / 3) AS c FROM views
