-- What analysts ask of TPC-H's tables. Behind a name stands `whole` where the statement is known to run over all files.

-- == totals without a filter
SELECT count(*) AS lines, sum(l_extendedprice) AS price, avg(l_discount) AS discount, min(l_shipdate) AS first FROM lineitem

-- == an empty answer of one row
SELECT count(*) AS n, sum(l_quantity) AS q, min(l_comment) AS c, avg(l_tax) AS t, bool_and(l_tax > 0) AS b
FROM lineitem WHERE l_returnflag = 'no such flag'

-- == an aggregate of nothing with HAVING
SELECT sum(l_quantity) AS q FROM lineitem WHERE l_shipmode = 'AIR' HAVING count(*) > 3

-- == a constant beside an aggregate
SELECT 'lines' AS what, count(*) AS n, 1 + 1 AS two FROM lineitem

-- == revenue by month
SELECT date_trunc('month', o_orderdate) AS month, sum(o_totalprice) AS revenue, count(*) AS orders
FROM orders GROUP BY month ORDER BY month

-- == revenue by year and status, ordinals
SELECT year(o_orderdate) AS y, o_orderstatus, sum(o_totalprice) AS revenue FROM orders GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2

-- == group by all
SELECT o_orderstatus, o_orderpriority, max(o_totalprice) - min(o_totalprice) AS span FROM orders GROUP BY ALL ORDER BY ALL

-- == mixed expression of aggregates
SELECT l_shipmode, sum(l_extendedprice) / nullif(sum(l_quantity), 0) AS unit_price, 100.0 * count(*) FILTER (l_tax > 0) / count(*) AS taxed
FROM lineitem GROUP BY l_shipmode HAVING count(*) >= 2 ORDER BY l_shipmode

-- == statistics of decimals
SELECT l_returnflag, stddev_samp(l_quantity) AS sd, var_pop(l_discount) AS var, stddev(l_tax) AS sdt FROM lineitem GROUP BY l_returnflag

-- == correlation and regression
SELECT corr(l_quantity, l_extendedprice) AS c, covar_pop(l_tax, l_discount) AS v, regr_slope(l_tax, l_quantity) AS s FROM lineitem

-- == median by flag
SELECT l_returnflag, median(l_quantity) AS med, count(*) AS n FROM lineitem GROUP BY l_returnflag ORDER BY l_returnflag

-- == quantiles
SELECT quantile_cont(o_totalprice, 0.9) AS p90, quantile_disc(o_totalprice, [0.1, 0.5]) AS some, mad(o_totalprice) AS m FROM orders

-- == distinct counts
SELECT count(DISTINCT o_custkey) AS customers, count(DISTINCT o_orderkey) AS orders, count(*) AS n FROM orders

-- == distinct counts by group
SELECT o_orderstatus, count(DISTINCT o_custkey) AS customers, count(DISTINCT o_orderdate) AS days, sum(o_totalprice) AS price
FROM orders GROUP BY o_orderstatus

-- == distinct keys by group over a join
SELECT o_orderpriority, count(DISTINCT l_orderkey) AS orders, count(DISTINCT l_suppkey) AS suppliers, count(*) AS lines
FROM orders JOIN lineitem ON l_orderkey = o_orderkey GROUP BY o_orderpriority ORDER BY o_orderpriority

-- == sum of distinct values
SELECT sum(DISTINCT l_quantity) AS q, avg(DISTINCT l_tax) AS t, count(DISTINCT (l_partkey, l_suppkey)) AS pairs FROM lineitem

-- == filtered aggregates
SELECT l_shipmode, count(*) FILTER (WHERE l_returnflag = 'R') AS returned, sum(l_quantity) FILTER (WHERE l_tax > 0.05) AS taxed,
    count(DISTINCT l_suppkey) FILTER (WHERE l_discount = 0) AS suppliers
FROM lineitem GROUP BY l_shipmode

-- == conditional sums
SELECT sum(CASE WHEN o_orderstatus = 'F' THEN o_totalprice END) AS filled, sum(if(o_orderstatus = 'O', 1, 0)) AS open,
    count(CASE WHEN o_orderstatus = 'P' THEN 1 END) AS part
FROM orders

-- == top customers
SELECT c_custkey, c_name, sum(o_totalprice) AS spent FROM customer JOIN orders ON o_custkey = c_custkey
GROUP BY c_custkey, c_name ORDER BY spent DESC, c_custkey LIMIT 5

-- == top customers with ties
SELECT o_custkey, count(*) AS orders FROM orders GROUP BY o_custkey ORDER BY orders DESC LIMIT 4

-- == a page of orders
SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_totalprice, o_orderkey LIMIT 5 OFFSET 3

-- == rows without order
SELECT o_orderkey, o_orderdate, o_totalprice * 2 AS twice FROM orders WHERE o_orderstatus <> 'F'

-- == any three rows - whole
SELECT l_orderkey, l_linenumber FROM lineitem LIMIT 3

-- == hidden order
SELECT o_orderkey FROM orders WHERE o_orderdate > DATE '1995-01-01' ORDER BY o_totalprice DESC, o_orderkey LIMIT 6

-- == order by an aggregate that is not shown
SELECT l_suppkey FROM lineitem GROUP BY l_suppkey ORDER BY sum(l_extendedprice) DESC, l_suppkey LIMIT 3

-- == order by an expression of an alias and a column of the same name
SELECT abs(o_totalprice) AS o_totalprice, o_orderkey FROM orders ORDER BY abs(o_totalprice), o_orderkey

-- == distinct rows
SELECT DISTINCT l_shipmode, l_returnflag FROM lineitem ORDER BY l_shipmode, l_returnflag

-- == distinct of an expression with limit
SELECT DISTINCT year(o_orderdate) AS y FROM orders ORDER BY y DESC LIMIT 2

-- == distinct on
SELECT DISTINCT ON (o_custkey) o_custkey, o_orderkey, o_totalprice FROM orders ORDER BY o_custkey, o_totalprice DESC, o_orderkey

-- == latest order per customer
SELECT o_custkey, arg_max(o_orderkey, (o_orderdate, o_orderkey)) AS latest, max_by(o_totalprice, o_orderkey) AS price
FROM orders GROUP BY o_custkey

-- == top two orders per customer
SELECT o_custkey, o_orderkey, o_totalprice FROM orders
QUALIFY row_number() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC, o_orderkey) <= 2

-- == top two by rank in a subquery
SELECT * FROM (
    SELECT o_custkey, o_orderkey, rank() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC) AS place FROM orders
) WHERE place <= 2 ORDER BY o_custkey, place, o_orderkey

-- == the second best
SELECT * FROM (
    SELECT o_custkey, o_orderkey, row_number() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC, o_orderkey) AS place
    FROM orders
) WHERE place = 2

-- == dense rank over groups
SELECT o_custkey, sum(o_totalprice) AS spent, dense_rank() OVER (ORDER BY sum(o_totalprice) DESC) AS place
FROM orders GROUP BY o_custkey ORDER BY place, o_custkey

-- == top orders in a CTE by rank, joined again
WITH ranked AS (
    SELECT o_orderkey, o_custkey, o_totalprice, rank() OVER (PARTITION BY o_orderstatus ORDER BY o_totalprice DESC) AS r FROM orders
)
SELECT c_name, o_orderkey, o_totalprice, r FROM ranked JOIN customer ON c_custkey = o_custkey WHERE r <= 3 ORDER BY r, o_orderkey

-- == a window over a key's rows
SELECT l_orderkey, l_linenumber, sum(l_quantity) OVER (PARTITION BY l_orderkey ORDER BY l_linenumber) AS running FROM lineitem

-- == share of the order
SELECT l_orderkey, l_linenumber, l_extendedprice / nullif(sum(l_extendedprice) OVER (PARTITION BY l_orderkey), 0) AS share FROM lineitem

-- == share of all
SELECT l_shipmode, sum(l_extendedprice) AS price, 100 * sum(l_extendedprice) / nullif(sum(sum(l_extendedprice)) OVER (), 0) AS percent
FROM lineitem GROUP BY l_shipmode ORDER BY price DESC, l_shipmode

-- == change to the month before
WITH months AS (SELECT date_trunc('month', o_orderdate) AS month, sum(o_totalprice) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, revenue - lag(revenue) OVER (ORDER BY month) AS change FROM months ORDER BY month

-- == moving average over days
SELECT o_orderdate, count(*) AS n, avg(count(*)) OVER (ORDER BY o_orderdate ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving
FROM orders GROUP BY o_orderdate ORDER BY o_orderdate

-- == first and last line
SELECT l_orderkey, first_value(l_linenumber) OVER w AS first, last_value(l_linenumber) OVER w AS last, ntile(2) OVER w AS half
FROM lineitem WINDOW w AS (PARTITION BY l_orderkey ORDER BY l_linenumber)

-- == lines by number in their order, averaged
SELECT n, avg(l_quantity) AS q FROM (
    SELECT l_quantity, row_number() OVER (PARTITION BY l_orderkey ORDER BY l_linenumber) AS n FROM lineitem
) GROUP BY n ORDER BY n

-- == orders with many lines
SELECT l_orderkey, count(*) AS lines FROM lineitem GROUP BY l_orderkey HAVING count(*) > 3 ORDER BY lines DESC, l_orderkey

-- == how many orders have how many lines
SELECT lines, count(*) AS orders FROM (SELECT l_orderkey, count(*) AS lines FROM lineitem GROUP BY l_orderkey) GROUP BY lines ORDER BY lines

-- == average of sums per order
SELECT avg(total) AS mean, max(total) AS most FROM (SELECT l_orderkey, sum(l_extendedprice) AS total FROM lineitem GROUP BY l_orderkey)

-- == average of sums per customer
SELECT avg(spent) AS mean, max(spent) AS most, count(*) AS customers FROM (SELECT o_custkey, sum(o_totalprice) AS spent FROM orders GROUP BY o_custkey)

-- == nested aggregates by two columns that are no key
SELECT o_orderstatus, max(n) AS most FROM (
    SELECT o_orderstatus, o_custkey, count(*) AS n FROM orders GROUP BY o_orderstatus, o_custkey
) GROUP BY o_orderstatus ORDER BY o_orderstatus

-- == customers without orders by segment
SELECT c_mktsegment, count(*) AS n FROM customer WHERE c_custkey NOT IN (SELECT o_custkey FROM orders) GROUP BY c_mktsegment

-- == customers without orders, not exists
SELECT c_custkey, c_name FROM customer c WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.o_custkey = c.c_custkey) ORDER BY c_custkey

-- == customers without orders, left join
SELECT c_custkey FROM customer LEFT JOIN orders ON o_custkey = c_custkey WHERE o_orderkey IS NULL ORDER BY c_custkey

-- == customers without orders, anti join
SELECT c_custkey FROM customer ANTI JOIN orders ON o_custkey = c_custkey ORDER BY c_custkey

-- == orders of rich customers, semi join
SELECT o_orderstatus, count(*) AS n FROM orders SEMI JOIN (SELECT c_custkey FROM customer WHERE c_acctbal > 0) ON c_custkey = o_custkey
GROUP BY o_orderstatus

-- == orders without lines
SELECT count(*) AS n FROM orders WHERE NOT EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey)

-- == lines without order
SELECT l_orderkey, count(*) AS n FROM lineitem ANTI JOIN orders ON o_orderkey = l_orderkey GROUP BY l_orderkey

-- == orders not in a list of orders
SELECT count(*) AS n FROM orders WHERE o_orderkey NOT IN (SELECT l_orderkey FROM lineitem WHERE l_returnflag = 'R')

-- == orders not in a list that depends on no key
SELECT o_orderkey FROM orders WHERE o_custkey NOT IN (SELECT l_suppkey FROM lineitem WHERE l_quantity > 1) ORDER BY o_orderkey

-- == orders left join lines
SELECT o_orderkey, count(l_linenumber) AS lines, coalesce(sum(l_quantity), 0) AS q FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey
GROUP BY o_orderkey ORDER BY o_orderkey

-- == orders left join late lines
SELECT o_orderpriority, count(*) AS n, count(l_orderkey) AS late
FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey AND l_commitdate < l_receiptdate GROUP BY o_orderpriority

-- == orders full join lines - whole
SELECT count(*) AS n, count(o_orderkey) AS orders, count(l_orderkey) AS lines FROM orders FULL JOIN lineitem ON l_orderkey = o_orderkey

-- == keys of a full join - whole
SELECT coalesce(o_orderkey, l_orderkey) AS k, count(*) AS n FROM orders FULL JOIN lineitem ON l_orderkey = o_orderkey GROUP BY 1 ORDER BY 1

-- == right join
SELECT o_orderkey, l_orderkey, l_linenumber FROM orders RIGHT JOIN lineitem ON l_orderkey = o_orderkey ORDER BY l_orderkey, l_linenumber

-- == grouped by the nullable side's key
SELECT l_orderkey, count(*) AS n FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey GROUP BY l_orderkey ORDER BY n DESC, l_orderkey

-- == distinct keys of the nullable side
SELECT DISTINCT l_orderkey FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey

-- == window over the nullable side's key
SELECT o_orderkey, l_orderkey, count(*) OVER (PARTITION BY l_orderkey) AS n FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey

-- == left join with a condition of the left side
SELECT o_orderkey, count(l_orderkey) AS n FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey AND o_orderstatus = 'F'
GROUP BY o_orderkey ORDER BY o_orderkey

-- == left join not on the key
SELECT o_orderkey, count(l_orderkey) AS n FROM orders LEFT JOIN lineitem ON l_partkey = o_custkey GROUP BY o_orderkey ORDER BY o_orderkey

-- == facts joined by another column
SELECT count(*) AS n FROM orders JOIN lineitem ON l_suppkey = o_custkey

-- == facts joined by another column and grouped
SELECT o_orderstatus, l_returnflag, count(*) AS n, sum(l_quantity) AS q, sum(o_totalprice) AS p, avg(l_tax) AS t
FROM orders JOIN lineitem ON l_suppkey = o_custkey GROUP BY o_orderstatus, l_returnflag

-- == two orders of a customer
SELECT a.o_orderkey, b.o_orderkey AS other FROM orders a JOIN orders b ON a.o_custkey = b.o_custkey AND a.o_orderkey < b.o_orderkey

-- == two lines of an order
SELECT count(*) AS n FROM lineitem a JOIN lineitem b ON a.l_orderkey = b.l_orderkey AND a.l_linenumber < b.l_linenumber

-- == keys that differ by one
SELECT a.o_orderkey, b.o_totalprice FROM orders a JOIN orders b ON b.o_orderkey = a.o_orderkey + 1 ORDER BY a.o_orderkey

-- == cross join of totals
SELECT o.n AS orders, l.n AS lines FROM (SELECT count(*) AS n FROM orders) o, (SELECT count(*) AS n FROM lineitem) l

-- == cross join with a total
SELECT o_orderkey, o_totalprice / nullif(t.total, 0) AS share FROM orders, (SELECT sum(o_totalprice) AS total FROM orders) t ORDER BY o_orderkey

-- == above the average
SELECT o_orderkey FROM orders WHERE o_totalprice > (SELECT avg(o_totalprice) FROM orders) ORDER BY o_orderkey

-- == above the customer's average
SELECT o.o_orderkey FROM orders o WHERE o.o_totalprice > (SELECT avg(i.o_totalprice) FROM orders i WHERE i.o_custkey = o.o_custkey)
ORDER BY o.o_orderkey

-- == above the order's average
SELECT l_orderkey, l_linenumber FROM lineitem l
WHERE l_quantity >= (SELECT avg(i.l_quantity) FROM lineitem i WHERE i.l_orderkey = l.l_orderkey) ORDER BY ALL

-- == lines per order as a scalar subquery
SELECT o_orderkey, (SELECT count(*) FROM lineitem WHERE l_orderkey = o_orderkey) AS lines FROM orders ORDER BY o_orderkey

-- == lines per customer as a scalar subquery
SELECT c_custkey, (SELECT max(o_totalprice) FROM orders WHERE o_custkey = c_custkey) AS most FROM customer ORDER BY c_custkey

-- == a scalar subquery in the select list
SELECT o_orderstatus, count(*) AS n, (SELECT count(*) FROM orders) AS of FROM orders GROUP BY o_orderstatus

-- == exists in the select list
SELECT o_orderkey, EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_returnflag = 'R') AS returned FROM orders

-- == any and all
SELECT o_orderkey FROM orders WHERE o_totalprice >= ALL (SELECT l_extendedprice FROM lineitem WHERE l_orderkey = o_orderkey) ORDER BY 1

-- == any of all lines
SELECT count(*) AS n FROM orders WHERE o_totalprice = ANY (SELECT l_extendedprice FROM lineitem)

-- == days with orders or shipments
SELECT o_orderdate AS day FROM orders UNION SELECT l_shipdate FROM lineitem ORDER BY day

-- == orders and lines below each other
SELECT 'order' AS what, o_orderkey AS k FROM orders UNION ALL SELECT 'line', l_orderkey FROM lineitem ORDER BY what, k

-- == days with orders but no shipments
SELECT o_orderdate FROM orders EXCEPT SELECT l_shipdate FROM lineitem ORDER BY 1

-- == keys of both
SELECT o_orderkey FROM orders INTERSECT SELECT l_orderkey FROM lineitem

-- == keys of one, all
SELECT l_orderkey FROM lineitem EXCEPT ALL SELECT o_orderkey FROM orders

-- == totals of both tables
SELECT 'orders' AS what, count(*) AS n FROM orders UNION ALL SELECT 'lines', count(*) FROM lineitem ORDER BY what

-- == a union counted
SELECT what, count(*) AS n FROM (SELECT 'o' AS what, o_custkey AS k FROM orders UNION ALL SELECT 'l', l_suppkey FROM lineitem) GROUP BY what

-- == a union by name - whole
SELECT o_orderkey AS k, o_totalprice AS p FROM orders UNION ALL BY NAME SELECT l_extendedprice AS p, l_orderkey AS k FROM lineitem

-- == customers and those who ordered
SELECT c_custkey FROM customer EXCEPT SELECT o_custkey FROM orders ORDER BY 1

-- == dimension rows beside facts
SELECT c_custkey AS k FROM customer UNION ALL SELECT o_orderkey FROM orders

-- == rollup
SELECT o_orderstatus, o_orderpriority, count(*) AS n, sum(o_totalprice) AS p FROM orders GROUP BY ROLLUP (o_orderstatus, o_orderpriority)

-- == cube with grouping
SELECT l_returnflag, l_linestatus, grouping(l_returnflag) AS g, count(*) AS n FROM lineitem GROUP BY CUBE (l_returnflag, l_linestatus)

-- == grouping sets over a join
SELECT o_orderstatus, l_shipmode, avg(l_quantity) AS q FROM orders JOIN lineitem ON l_orderkey = o_orderkey
GROUP BY GROUPING SETS ((o_orderstatus), (l_shipmode), ())

-- == rollup by the key
SELECT l_orderkey, sum(l_quantity) AS q FROM lineitem GROUP BY ROLLUP (l_orderkey)

-- == rollup with distinct counts
SELECT o_orderstatus, count(DISTINCT o_custkey) AS customers FROM orders GROUP BY ROLLUP (o_orderstatus)

-- == lists
SELECT o_custkey, list(o_orderkey ORDER BY o_orderkey) AS orders FROM orders GROUP BY o_custkey

-- == sorted list of distinct values
SELECT o_orderstatus, list_sort(list(DISTINCT o_orderpriority)) AS priorities FROM orders GROUP BY o_orderstatus

-- == texts in a row
SELECT o_custkey, string_agg(o_orderstatus, ',' ORDER BY o_orderkey) AS states FROM orders GROUP BY o_custkey ORDER BY o_custkey

-- == an unordered list - whole
SELECT l_orderkey, list(l_linenumber) AS lines FROM lineitem GROUP BY l_orderkey

-- == histogram
SELECT histogram(l_shipmode) AS modes FROM lineitem

-- == mode and arbitrary values - whole
SELECT o_custkey, mode(o_orderstatus) AS usual, any_value(o_orderpriority) AS some, first(o_orderkey ORDER BY o_orderkey) AS first FROM orders GROUP BY o_custkey

-- == bits and products
SELECT bit_or(l_linenumber) AS o, bit_xor(l_linenumber) AS x, product(CASE WHEN l_tax > 0 THEN 2 ELSE 1 END) AS p FROM lineitem

-- == approximate counts
SELECT approx_count_distinct(o_custkey) AS n FROM orders

-- == a dimension's column from several joins
SELECT r_name, n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem JOIN supplier ON s_suppkey = l_suppkey JOIN nation ON n_nationkey = s_nationkey JOIN region ON r_regionkey = n_regionkey
GROUP BY r_name, n_name ORDER BY revenue DESC, n_name, r_name

-- == left joined dimensions
SELECT coalesce(n_name, 'unknown') AS nation, count(*) AS n
FROM orders LEFT JOIN customer ON c_custkey = o_custkey LEFT JOIN nation ON n_nationkey = c_nationkey GROUP BY 1 ORDER BY n DESC, nation

-- == left joined dimension filtered afterwards
SELECT o_orderkey FROM orders LEFT JOIN customer ON c_custkey = o_custkey WHERE c_custkey IS NULL OR c_acctbal > 1 ORDER BY 1

-- == a dimension full joined - whole
SELECT c_custkey, o_orderkey FROM customer FULL JOIN orders ON o_custkey = c_custkey

-- == every nation with its orders
SELECT n_name, count(o_orderkey) AS n, sum(o_totalprice) AS p
FROM nation LEFT JOIN customer ON c_nationkey = n_nationkey LEFT JOIN orders ON o_custkey = c_custkey GROUP BY n_name ORDER BY n DESC, n_name

-- == every customer with late lines
SELECT c_custkey, count(l_orderkey) AS late FROM customer
LEFT JOIN (SELECT o_custkey, l_orderkey FROM orders JOIN lineitem ON l_orderkey = o_orderkey WHERE l_commitdate < l_receiptdate) ON o_custkey = c_custkey
GROUP BY c_custkey ORDER BY c_custkey

-- == customers and suppliers of a nation - whole
SELECT n_name, (SELECT count(*) FROM customer WHERE c_nationkey = n_nationkey) AS customers, count(o_orderkey) AS orders
FROM nation LEFT JOIN (customer JOIN orders ON o_custkey = c_custkey) ON c_nationkey = n_nationkey GROUP BY ALL ORDER BY ALL

-- == parts never sold
SELECT p_partkey FROM part WHERE p_partkey NOT IN (SELECT l_partkey FROM lineitem) ORDER BY p_partkey

-- == parts sold above their price
SELECT p_partkey, max(l_extendedprice) AS most FROM part JOIN lineitem ON l_partkey = p_partkey
GROUP BY p_partkey, p_retailprice HAVING max(l_extendedprice) > p_retailprice ORDER BY p_partkey

-- == stock that is sold out
SELECT ps_partkey, ps_suppkey, ps_availqty - coalesce(sold, 0) AS rest
FROM partsupp LEFT JOIN (SELECT l_partkey, l_suppkey, sum(l_quantity) AS sold FROM lineitem GROUP BY l_partkey, l_suppkey)
    ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey
ORDER BY rest, ps_partkey, ps_suppkey LIMIT 7

-- == unpivoted prices
SELECT kind, sum(price) AS price FROM (SELECT o_orderkey, unnest(['total', 'twice']) AS kind, unnest([o_totalprice, 2 * o_totalprice]) AS price FROM orders)
GROUP BY kind ORDER BY kind

-- == pivot of states - whole
PIVOT (SELECT o_orderpriority, o_orderstatus FROM orders) ON o_orderstatus IN ('F', 'O') USING count(*) GROUP BY o_orderpriority ORDER BY o_orderpriority

-- == lateral - whole
SELECT o_orderkey, best.l_linenumber FROM orders,
    LATERAL (SELECT l_linenumber FROM lineitem WHERE l_orderkey = o_orderkey ORDER BY l_quantity DESC, l_linenumber LIMIT 1) AS best
ORDER BY o_orderkey

-- == lateral over a customer - whole
SELECT c_custkey, best.o_orderkey FROM customer,
    LATERAL (SELECT o_orderkey FROM orders WHERE o_custkey = c_custkey ORDER BY o_totalprice DESC, o_orderkey LIMIT 1) AS best ORDER BY 1

-- == recursive chain of orders - whole
WITH RECURSIVE chain AS (
    SELECT o_orderkey, 1 AS depth FROM orders WHERE o_orderkey = 1
    UNION ALL SELECT o.o_orderkey, depth + 1 FROM chain JOIN orders o ON o.o_orderkey = chain.o_orderkey + 1 WHERE depth < 5
)
SELECT max(depth) AS depth FROM chain

-- == asof join - whole
SELECT a.o_orderkey, b.o_orderkey AS before FROM orders a ASOF JOIN (SELECT o_orderkey, o_custkey, o_ordertime FROM orders) b
ON a.o_custkey = b.o_custkey AND a.o_ordertime > b.o_ordertime

-- == a sample - whole
SELECT count(*) AS n FROM orders USING SAMPLE 50 PERCENT (bernoulli, 42)

-- == chance - whole
SELECT o_orderkey FROM orders WHERE random() < 0.5

-- == now - whole
SELECT count(*) AS n FROM orders WHERE o_ordertime < now()

-- == percent limit - whole
SELECT o_orderkey FROM orders ORDER BY o_orderkey LIMIT 50 PERCENT

-- == limit by a parameter
SELECT o_orderkey, o_totalprice FROM orders WHERE o_orderdate >= $from ORDER BY o_totalprice DESC, o_orderkey LIMIT $top

-- == parameters in places
SELECT o_orderstatus, count(*) FILTER (o_orderdate < $until) AS n, $word AS word FROM orders WHERE o_orderdate >= $from - 100
GROUP BY o_orderstatus HAVING count(*) > $least ORDER BY 1

-- == a parameter as group
SELECT o_orderdate >= $from AS later, count(*) AS n FROM orders GROUP BY o_orderdate >= $from ORDER BY later

-- == a list parameter
SELECT count(*) AS n FROM orders WHERE list_contains($words, o_orderstatus)

-- == as of
SELECT count(*) AS n, max(o_ordertime) AS latest FROM orders WHERE o_ordertime < ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'

-- == cohorts
WITH firsts AS (SELECT o_custkey, min(o_orderdate) AS first FROM orders GROUP BY o_custkey)
SELECT date_trunc('month', first) AS cohort, date_diff('month', first, o_orderdate) AS age, count(DISTINCT o_custkey) AS customers
FROM orders JOIN firsts USING (o_custkey) GROUP BY ALL ORDER BY ALL

-- == days between orders
SELECT o_custkey, avg(gap) AS gap FROM (
    SELECT o_custkey, o_orderdate - lag(o_orderdate) OVER (PARTITION BY o_custkey ORDER BY o_orderdate, o_orderkey) AS gap FROM orders
) GROUP BY o_custkey ORDER BY o_custkey

-- == basket pairs
SELECT a.l_partkey AS part, b.l_partkey AS other, count(DISTINCT a.l_orderkey) AS orders
FROM lineitem a JOIN lineitem b ON b.l_orderkey = a.l_orderkey AND b.l_partkey > a.l_partkey GROUP BY 1, 2 ORDER BY orders DESC, 1, 2 LIMIT 10

-- == customers who returned and ordered again
SELECT count(DISTINCT o.o_custkey) AS n FROM orders o JOIN orders r ON r.o_custkey = o.o_custkey AND r.o_orderdate < o.o_orderdate
WHERE r.o_orderkey IN (SELECT l_orderkey FROM lineitem WHERE l_returnflag = 'R')

-- == a CTE used twice
WITH spent AS (SELECT o_custkey, sum(o_totalprice) AS total FROM orders GROUP BY o_custkey)
SELECT a.o_custkey, a.total FROM spent a WHERE a.total > (SELECT avg(total) FROM spent) ORDER BY a.o_custkey

-- == a CTE of CTEs
WITH a AS (SELECT * FROM orders WHERE o_orderstatus = 'F'), b AS (SELECT o_custkey, count(*) AS n FROM a GROUP BY o_custkey),
c AS (SELECT n, count(*) AS customers FROM b GROUP BY n)
SELECT n, customers, sum(customers) OVER (ORDER BY n) AS running FROM c ORDER BY n

-- == a materialized CTE
WITH big AS MATERIALIZED (SELECT l_orderkey, sum(l_quantity) AS q FROM lineitem GROUP BY l_orderkey)
SELECT o_orderpriority, avg(q) AS q FROM big JOIN orders ON o_orderkey = l_orderkey GROUP BY o_orderpriority ORDER BY 1

-- == from first
FROM orders SELECT o_orderstatus, count(*) AS n GROUP BY o_orderstatus ORDER BY n DESC, o_orderstatus

-- == from alone - whole
FROM orders

-- == star of a join - whole
SELECT * FROM orders JOIN lineitem ON l_orderkey = o_orderkey

-- == star with changes - whole
SELECT * EXCLUDE (o_comment, o_clerk) REPLACE (lower(o_orderstatus) AS o_orderstatus) FROM orders

-- == columns by pattern - whole
SELECT COLUMNS('o_.*key') FROM orders

-- == a whole row as a value - whole
SELECT o_orderkey, orders AS o FROM orders

-- == alias reused in the select list
SELECT o_orderkey, o_totalprice * 2 AS twice, twice + 1 AS more FROM orders WHERE twice > 4

-- == alias shadows a column in group by
SELECT upper(o_orderstatus) AS o_orderstatus, count(*) AS n FROM orders GROUP BY upper(o_orderstatus)

-- == alias shadows a column in where
SELECT -o_totalprice AS o_totalprice FROM orders WHERE o_totalprice > 1 ORDER BY o_totalprice

-- == HAVING without group
SELECT max(o_totalprice) AS p FROM orders HAVING max(o_totalprice) > 5

-- == HAVING by a dimension
SELECT c_nationkey, count(*) AS n FROM orders JOIN customer ON c_custkey = o_custkey GROUP BY c_nationkey
HAVING c_nationkey IN (SELECT n_nationkey FROM nation) ORDER BY c_nationkey

-- == HAVING against another aggregate
SELECT l_suppkey, sum(l_extendedprice) AS p FROM lineitem GROUP BY l_suppkey
HAVING sum(l_extendedprice) > (SELECT avg(l_extendedprice) FROM lineitem) ORDER BY l_suppkey

-- == group by an expression of the key
SELECT o_orderkey % 3 AS part, count(*) AS n, max(o_totalprice) AS p FROM orders GROUP BY o_orderkey % 3 ORDER BY part

-- == group by the key cast
SELECT CAST(o_orderkey AS VARCHAR) AS k, count(*) AS n FROM orders GROUP BY k ORDER BY k LIMIT 5

-- == group by key and more
SELECT l_orderkey, l_returnflag, count(*) AS n FROM lineitem GROUP BY l_orderkey, l_returnflag ORDER BY n DESC, l_orderkey, l_returnflag LIMIT 9

-- == join using a renamed subquery
SELECT k, count(*) AS n FROM (SELECT o_orderkey AS k, o_orderstatus FROM orders) JOIN (SELECT l_orderkey AS k FROM lineitem) USING (k) GROUP BY k

-- == join on two inequalities
SELECT count(*) AS n FROM orders JOIN lineitem ON l_orderkey = o_orderkey AND l_shipdate BETWEEN o_orderdate AND o_orderdate + 30

-- == join keys by OR
SELECT count(*) AS n FROM orders JOIN lineitem ON l_orderkey = o_orderkey OR l_partkey = o_custkey

-- == key equality below NOT
SELECT count(*) AS n FROM orders, lineitem WHERE NOT (l_orderkey = o_orderkey) AND l_linenumber = 1

-- == key equality by IS NOT DISTINCT FROM
SELECT count(*) AS n FROM orders JOIN lineitem ON l_orderkey IS NOT DISTINCT FROM o_orderkey

-- == key equality over a dimension
SELECT count(*) AS n FROM orders, customer, lineitem WHERE o_orderkey = c_custkey AND l_orderkey = c_custkey

-- == integer division and modulo
SELECT l_linenumber // 2 AS half, sum(l_quantity) AS q FROM lineitem GROUP BY half ORDER BY half

-- == dates and times
SELECT dayname(o_orderdate) AS day, extract('hour' FROM o_ordertime) AS hour, count(*) AS n FROM orders GROUP BY ALL ORDER BY ALL

-- == an interval
SELECT max(o_ordertime) - min(o_ordertime) AS span FROM orders

-- == a sum of doubles
SELECT o_orderstatus, sum(CAST(o_totalprice AS DOUBLE) / 3) AS third, avg(o_totalprice / 7) AS seventh FROM orders GROUP BY o_orderstatus

-- == a rank by doubles - whole
SELECT o_custkey, rank() OVER (ORDER BY sum(o_totalprice / 3) DESC) AS place FROM orders GROUP BY o_custkey

-- == a wide group
SELECT o_custkey, o_orderstatus, year(o_orderdate) AS y, count(*) AS n FROM orders GROUP BY ALL HAVING n > 1

-- == values beside
SELECT status, name, count(o_orderkey) AS n FROM (VALUES ('F', 'filled'), ('O', 'open'), ('X', 'none')) v(status, name)
LEFT JOIN orders ON o_orderstatus = status GROUP BY status, name ORDER BY status

-- == a series of days
SELECT day, count(o_orderkey) AS n FROM range(DATE '1995-01-01', DATE '1995-01-05', INTERVAL 1 DAY) t(day)
LEFT JOIN orders ON o_orderdate = day GROUP BY day ORDER BY day

-- == limit within
SELECT sum(o_totalprice) AS p FROM (SELECT o_totalprice FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 5)

-- == limit within each branch
(SELECT o_orderkey AS k FROM orders ORDER BY o_orderkey LIMIT 2) UNION ALL (SELECT l_orderkey FROM lineitem ORDER BY l_orderkey, l_linenumber LIMIT 2)

-- == limit of zero
SELECT o_orderkey FROM orders LIMIT 0

-- == in a limited list
SELECT count(*) AS n FROM lineitem WHERE l_orderkey IN (SELECT o_orderkey FROM orders ORDER BY o_totalprice DESC, o_orderkey LIMIT 3)

-- == distinct within an aggregate
SELECT count(*) AS n, sum(q) AS q FROM (SELECT DISTINCT l_suppkey, l_quantity AS q FROM lineitem)

-- == distinct keys within an aggregate
SELECT count(*) AS n FROM (SELECT DISTINCT l_orderkey, l_returnflag FROM lineitem)

-- == windows over groups of the key
SELECT l_orderkey, sum(l_quantity) AS q, rank() OVER (ORDER BY sum(l_quantity) DESC) AS r FROM lineitem GROUP BY l_orderkey QUALIFY r <= 3 ORDER BY r, l_orderkey

-- == qualify over a join with a dimension that may be missing
SELECT c_mktsegment, o_orderkey FROM orders LEFT JOIN customer ON c_custkey = o_custkey
QUALIFY row_number() OVER (PARTITION BY c_mktsegment ORDER BY o_totalprice, o_orderkey) = 1

-- == rank with an offset
SELECT o_orderkey, o_totalprice FROM orders QUALIFY rank() OVER (ORDER BY o_totalprice DESC) BETWEEN 2 AND 4

-- == percent rank and cume dist
SELECT o_orderkey, percent_rank() OVER (ORDER BY o_totalprice) AS pr, cume_dist() OVER (PARTITION BY o_orderstatus ORDER BY o_totalprice) AS cd FROM orders

-- == case around a subquery
SELECT CASE WHEN (SELECT count(*) FROM orders) > 5 THEN 'many' ELSE 'few' END AS how, count(*) AS lines FROM lineitem

-- == coalesce over a missing group
SELECT coalesce((SELECT sum(l_quantity) FROM lineitem WHERE l_shipmode = 'AIR'), 0) AS q

-- == two subqueries
SELECT (SELECT count(*) FROM orders) AS orders, (SELECT max(l_shipdate) FROM lineitem) AS latest

-- == a correlated subquery over a dimension within a fact's filter
SELECT count(*) AS n FROM lineitem l WHERE l_extendedprice > (SELECT max(ps_supplycost) FROM partsupp WHERE ps_partkey = l.l_partkey)

-- == a correlated subquery of facts in facts, not by key
SELECT l.l_orderkey, l.l_linenumber FROM lineitem l
WHERE l.l_quantity = (SELECT max(o.l_quantity) FROM lineitem o WHERE o.l_suppkey = l.l_suppkey) ORDER BY ALL

-- == exists by an inequality
SELECT o_orderkey FROM orders o WHERE EXISTS (SELECT 1 FROM orders p WHERE p.o_custkey = o.o_custkey AND p.o_orderdate < o.o_orderdate) ORDER BY 1

-- == doubly nested exists
SELECT c_custkey FROM customer WHERE EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey AND EXISTS (
    SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_returnflag = 'R')) ORDER BY c_custkey

-- == not exists within not exists
SELECT s_suppkey FROM supplier WHERE NOT EXISTS (SELECT 1 FROM orders WHERE NOT EXISTS (
    SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_suppkey = s_suppkey)) ORDER BY s_suppkey
