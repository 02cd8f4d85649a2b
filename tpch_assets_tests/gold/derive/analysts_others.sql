-- What analysts ask of the other businesses: NULLs, nested values, keys of texts, dates, times and twenty digits.

-- business: video

-- == views by finished, NULL too
SELECT finished, count(*) AS n, count(finished) AS known, avg(share) AS share FROM views GROUP BY finished ORDER BY finished

-- == finished or not
SELECT count(*) FILTER (finished) AS yes, count(*) FILTER (NOT finished) AS no, count(*) FILTER (finished IS NULL) AS unknown,
    bool_or(finished) AS any, bool_and(finished) AS all, count_if(finished) AS n FROM views

-- == sessions not in unfinished ones - silent
SELECT count(*) AS n FROM sessions WHERE session_id NOT IN (SELECT CASE WHEN finished THEN session_id END FROM views)

-- == sessions in a list with NULL
SELECT session_id IN (SELECT CASE WHEN finished THEN session_id END FROM views) AS found, count(*) AS n FROM sessions GROUP BY 1

-- == users by age, NULLs first
SELECT age, count(session_id) AS n FROM users LEFT JOIN sessions USING (user_id) GROUP BY age ORDER BY age NULLS FIRST

-- == users not in sessions by a nullable column
SELECT user_id FROM users WHERE age NOT IN (SELECT number FROM views) ORDER BY user_id

-- == facts not in a dimension's nullable column
SELECT session_id, number FROM views WHERE number NOT IN (SELECT age FROM users WHERE active) ORDER BY ALL

-- == facts in a dimension's nullable column
SELECT count(*) AS n FROM views WHERE number IN (SELECT age FROM users)

-- == join by a nullable column
SELECT title, count(*) AS n FROM views JOIN videos USING (video_id) GROUP BY title ORDER BY n DESC, title

-- == facts joined by NULL or not
SELECT count(*) AS n FROM views a JOIN views b ON a.finished IS NOT DISTINCT FROM b.finished AND a.session_id = b.session_id

-- == distinct NULLs
SELECT DISTINCT finished FROM views ORDER BY finished

-- == distinct values of a nullable column
SELECT count(DISTINCT finished) AS n, count(DISTINCT video_id) AS videos, max(share) AS most FROM views

-- == client systems
SELECT client->>'$.os' AS os, count(*) AS n FROM sessions GROUP BY os ORDER BY os

-- == sessions by hour of the day
SELECT extract('hour' FROM started) AS h, count(*) AS n FROM sessions GROUP BY h ORDER BY h

-- == sessions by the user's clock
SELECT date_trunc('day', "at") AS day, count(DISTINCT user_id) AS users FROM sessions GROUP BY day ORDER BY day

-- == views of a session in a list
SELECT session_id, list(video_id ORDER BY number) AS videos FROM views GROUP BY session_id ORDER BY session_id

-- == first video of each session
SELECT title, count(*) AS n FROM (
    SELECT session_id, video_id FROM views QUALIFY row_number() OVER (PARTITION BY session_id ORDER BY number) = 1
) JOIN videos USING (video_id) GROUP BY title ORDER BY n DESC, title

-- == next video
SELECT video_id, next, count(*) AS n FROM (
    SELECT video_id, lead(video_id) OVER (PARTITION BY session_id ORDER BY number) AS next FROM views
) GROUP BY video_id, next ORDER BY n DESC, video_id, next LIMIT 5

-- == studios by country
SELECT studio.country AS country, sum(share * length) AS minutes, count(*) AS n FROM views JOIN videos USING (video_id) GROUP BY country ORDER BY country

-- == tags of watched videos
SELECT tag, count(*) AS n FROM (SELECT unnest(tags) AS tag FROM views JOIN videos USING (video_id)) GROUP BY tag ORDER BY n DESC, tag

-- == videos with a tag
SELECT count(*) AS n FROM views JOIN videos USING (video_id) WHERE list_contains(tags, 'a') OR len(tags) = 0

-- == a struct as a group
SELECT studio, count(*) AS n FROM views JOIN videos USING (video_id) GROUP BY studio ORDER BY n DESC, studio

-- == a list as a group
SELECT tags, count(*) AS n, min(share) AS least FROM views JOIN videos USING (video_id) GROUP BY tags ORDER BY n DESC, tags

-- == a struct made
SELECT {'user': user_id, 'n': count(*)} AS row FROM sessions GROUP BY user_id ORDER BY row

-- == maximum of a struct
SELECT max({'a': share, 'b': number}) AS m, arg_min(video_id, (share, number, session_id)) AS v FROM views

-- == videos never watched
SELECT video_id, title FROM videos ANTI JOIN views USING (video_id) ORDER BY video_id

-- == videos and how often they were finished
SELECT v.video_id, v.title, count(w.session_id) AS n, count(*) FILTER (w.finished) AS finished
FROM videos v LEFT JOIN views w ON w.video_id = v.video_id GROUP BY v.video_id, v.title ORDER BY n DESC, v.video_id

-- == active users with views by studio
SELECT user_id, count(DISTINCT studio.name) AS studios FROM users JOIN sessions USING (user_id) JOIN views USING (session_id) JOIN videos USING (video_id)
WHERE active GROUP BY user_id HAVING studios >= 1 ORDER BY user_id

-- == same name in two tables
SELECT sessions.at AS session, views.at AS view FROM sessions JOIN views USING (session_id) ORDER BY view, session

-- == same name in two tables, stars - whole
SELECT sessions.*, views.number FROM sessions JOIN views USING (session_id) ORDER BY session_id, number

-- == sessions full outer, using - whole
SELECT session_id, count(number) AS n, count(user_id) AS users FROM sessions FULL JOIN views USING (session_id) GROUP BY session_id ORDER BY session_id

-- == sessions left join using, the key
SELECT session_id, count(number) AS n FROM sessions LEFT JOIN views USING (session_id) GROUP BY session_id ORDER BY session_id

-- == the right side's key after a left join
SELECT views.session_id AS k, count(*) AS n FROM sessions LEFT JOIN views USING (session_id) GROUP BY views.session_id ORDER BY k

-- == natural join
SELECT count(*) AS n FROM (SELECT session_id, user_id FROM sessions) NATURAL JOIN (SELECT session_id, video_id FROM views)

-- == shares, floats
SELECT video_id, sum(share) AS s, avg(share) AS a, stddev_pop(share) AS d, median(share) AS m FROM views GROUP BY video_id ORDER BY video_id

-- == best shares, floats in order
SELECT session_id, number, share FROM views ORDER BY share DESC, session_id, number LIMIT 4

-- == best sums of floats - whole
SELECT video_id, sum(share) AS s FROM views GROUP BY video_id ORDER BY s DESC LIMIT 3

-- == a filter on a sum of floats - whole
SELECT video_id FROM views GROUP BY video_id HAVING sum(share) > 1 ORDER BY video_id

-- == case of NULLs in order
SELECT session_id, number FROM views ORDER BY finished DESC NULLS LAST, share, session_id, number LIMIT 7

-- == coalesced boolean
SELECT coalesce(finished, false) AS f, count(*) AS n FROM views GROUP BY 1 ORDER BY 1

-- == three valued filter
SELECT count(*) AS n FROM views WHERE NOT (finished AND share > 0.5)

-- == three valued filter with a subquery
SELECT count(*) AS n FROM views v WHERE (SELECT max(w.share) FROM views w WHERE w.session_id = v.session_id AND w.finished) > 0.2

-- == not above any
SELECT session_id FROM sessions s WHERE NOT (EXISTS (SELECT 1 FROM views v WHERE v.session_id = s.session_id AND v.finished) AND s.user_id > 1)
ORDER BY session_id

-- == exists or exists
SELECT user_id FROM users u WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.user_id) OR u.active ORDER BY user_id

-- == users with both
SELECT user_id FROM sessions INTERSECT SELECT user_id FROM users WHERE active ORDER BY 1

-- == text functions
SELECT left(session_id, 4) AS start, count(*) AS n, string_agg(DISTINCT lower(coalesce(client, '')), ';' ORDER BY lower(coalesce(client, ''))) AS c
FROM sessions GROUP BY start ORDER BY start

-- == the greatest and least text
SELECT min(session_id) AS least, max(client) AS most, min(started) AS first FROM sessions

-- == arg_max with NULLs
SELECT arg_max(finished, share) AS f, arg_max(share, finished) AS s, arg_min_null(finished, (share, session_id, number)) AS n FROM views

-- == last values with NULLs
SELECT session_id, last(finished ORDER BY number) AS last, first(finished ORDER BY number) AS first FROM views GROUP BY session_id ORDER BY session_id

-- == any value of a nullable column
SELECT session_id, any_value(finished) AS f FROM views GROUP BY session_id ORDER BY session_id

-- == a list with NULLs
SELECT video_id, list(finished ORDER BY session_id, number) AS f FROM views GROUP BY video_id ORDER BY video_id

-- == ignoring NULLs in a window
SELECT session_id, number, last_value(finished IGNORE NULLS) OVER (PARTITION BY session_id ORDER BY number) AS f FROM views

-- == a window over all sessions
SELECT session_id, count(*) OVER (ORDER BY started RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS n FROM sessions

-- == sessions of users whose age is unknown or missing
SELECT count(*) AS n FROM sessions LEFT JOIN users USING (user_id) WHERE age IS NULL

-- == an outer join undone by WHERE
SELECT session_id, number FROM sessions LEFT JOIN views USING (session_id) WHERE finished ORDER BY ALL

-- == an outer join filtered in ON by the left side
SELECT users.user_id, count(session_id) AS n FROM users LEFT JOIN sessions ON sessions.user_id = users.user_id AND active GROUP BY 1 ORDER BY 1

-- == two facts beside a dimension
SELECT user_id, count(DISTINCT session_id) AS sessions, count(number) AS views, sum(length) AS minutes
FROM users LEFT JOIN sessions USING (user_id) LEFT JOIN views USING (session_id) LEFT JOIN videos USING (video_id) GROUP BY user_id ORDER BY user_id

-- == retention
WITH days AS (SELECT DISTINCT user_id, CAST(started AS DATE) AS day FROM sessions)
SELECT a.day, count(*) AS users, count(b.user_id) AS again FROM days a LEFT JOIN days b ON b.user_id = a.user_id AND b.day = a.day + 1
GROUP BY a.day ORDER BY a.day

-- == sessionized gaps
SELECT user_id, sum(new) AS visits FROM (
    SELECT user_id, CASE WHEN started - lag(started) OVER (PARTITION BY user_id ORDER BY started, session_id) < INTERVAL 1 HOUR THEN 0 ELSE 1 END AS new FROM sessions
) GROUP BY user_id ORDER BY user_id

-- == funnel
SELECT count(*) AS sessions, count(n) AS watched, count(*) FILTER (f > 0) AS finished FROM sessions
LEFT JOIN (SELECT session_id, count(*) AS n, count(*) FILTER (finished) AS f FROM views GROUP BY session_id) USING (session_id)

-- == a key by another name
WITH w AS (SELECT session_id AS id, count(*) AS n FROM views GROUP BY session_id)
SELECT user_id, sum(n) AS n FROM sessions JOIN w ON id = session_id GROUP BY user_id ORDER BY user_id

-- == a key within an expression
SELECT count(*) AS n FROM sessions JOIN views ON upper(sessions.session_id) = upper(views.session_id)

-- == a key cut short
SELECT left(session_id, 8) AS k, count(DISTINCT user_id) AS n FROM sessions GROUP BY k ORDER BY k

-- == a key chosen by CASE
SELECT k, count(*) AS n FROM (SELECT CASE WHEN finished THEN session_id ELSE 'none' END AS k FROM views) GROUP BY k ORDER BY k

-- == keys of both tables below each other, grouped
SELECT session_id, count(*) AS n FROM (SELECT session_id FROM sessions UNION ALL SELECT session_id FROM views) GROUP BY session_id ORDER BY session_id

-- == keys of both tables, one of them NULL
SELECT session_id, count(*) AS n FROM (SELECT session_id FROM sessions UNION ALL SELECT NULL FROM views) GROUP BY session_id ORDER BY session_id

-- == keys of both tables, one of them another column
SELECT k, count(*) AS n FROM (SELECT number AS k, session_id FROM views UNION ALL SELECT user_id, session_id FROM sessions) GROUP BY k ORDER BY k

-- == union of keys
SELECT count(*) AS n FROM (SELECT session_id FROM sessions UNION SELECT session_id FROM views)

-- business: shop

-- == baskets with words of SQL
SELECT "select", "group", count(*) AS n, max("order") AS o, min(userid) AS u FROM baskets GROUP BY "select", "group" ORDER BY ALL

-- == worth of baskets
SELECT number, sum(price * "order") AS worth, count(*) AS "end" FROM items GROUP BY number ORDER BY worth DESC, number LIMIT 8

-- == paid and owed
SELECT count(*) AS baskets, sum(worth) AS worth, sum(paid) AS paid, sum(worth - coalesce(paid, 0)) AS owed
FROM (SELECT number, sum(price * "order") AS worth FROM items GROUP BY number)
LEFT JOIN (SELECT basket, sum(amount) AS paid FROM payments GROUP BY basket) ON basket = number

-- == paid more than once
SELECT basket, count(*) AS n FROM payments GROUP BY basket HAVING count(*) > 1 ORDER BY n DESC, basket

-- == items and payments fan out
SELECT b.number, count(*) AS n, sum(i.price) AS p, sum(a.amount) AS a FROM baskets b JOIN items i ON i.number = b.number JOIN payments a ON a.basket = b.number
GROUP BY b.number ORDER BY b.number

-- == items and payments fan out, in all
SELECT "user", sum(i.price) AS p, avg(a.amount) AS a, count(DISTINCT a.payment) AS payments
FROM baskets b LEFT JOIN items i USING (number) LEFT JOIN payments a ON a.basket = b.number GROUP BY "user" ORDER BY "user"

-- == flags added up
SELECT sum(flag_0) AS a, sum(flag_1 + flag_2) AS b, max(flag_39) AS c, avg(flag_3) AS d, count(DISTINCT flag_4) AS e FROM baskets

-- == names with NULL joined to themselves
SELECT count(*) AS n FROM baskets a JOIN baskets b ON a."user" = b."user" AND a.number < b.number

-- == names not among others
SELECT count(*) AS n FROM baskets WHERE "user" NOT IN (SELECT "key" FROM baskets)

-- == names not among payments - silent
SELECT number FROM baskets WHERE "user" NOT IN (SELECT payment FROM payments) ORDER BY number

-- == NULL groups of two columns
SELECT "user", "age", count(*) AS n, count("end") AS e FROM baskets GROUP BY ALL ORDER BY n DESC, "user", "age" LIMIT 10

-- == NULL groups of two columns, rolled up
SELECT "user", "age", count(*) AS n FROM baskets GROUP BY ROLLUP ("user", "age") ORDER BY ALL

-- == visits by day
SELECT day, count(*) AS n, sum(pages) AS pages, count(DISTINCT visitor) AS visitors FROM visits GROUP BY day ORDER BY day

-- == visits by week
SELECT date_trunc('week', day) AS week, count(DISTINCT visitor) AS visitors, count(DISTINCT day) AS days FROM visits GROUP BY week ORDER BY week

-- == visitors of all days
SELECT visitor FROM visits GROUP BY visitor HAVING count(DISTINCT day) = (SELECT count(DISTINCT day) FROM visits) ORDER BY visitor

-- == new visitors
SELECT first, count(*) AS n FROM (SELECT visitor, min(day) AS first FROM visits GROUP BY visitor) GROUP BY first ORDER BY first

-- == running visitors
SELECT day, sum(count(*)) OVER (ORDER BY day) AS running FROM visits GROUP BY day ORDER BY day

-- == a fact of one group beside one of another - whole
SELECT (SELECT count(*) FROM visits) AS visits, (SELECT count(*) FROM baskets) AS baskets

-- == groups of facts joined - whole
SELECT day, count(number) AS baskets FROM visits LEFT JOIN baskets ON CAST(opened AS DATE) = day GROUP BY day ORDER BY day

-- == digits of a key
SELECT number % 2 AS odd, count(*) AS n, sum(number) AS s FROM baskets GROUP BY odd ORDER BY odd

-- == a key compared with a number of another type
SELECT count(*) AS n FROM baskets JOIN items ON CAST(items.number AS BIGINT) = baskets.number

-- == the largest item of each basket with its payment
SELECT i.number, i.position, p.amount FROM items i LEFT JOIN payments p ON p.basket = i.number
QUALIFY row_number() OVER (PARTITION BY i.number ORDER BY i.price DESC, i.position, p.payment) = 1 ORDER BY i.number

-- == payments as a share of items per user
SELECT "user", sum(amount) / nullif(sum(worth), 0) AS share FROM baskets
LEFT JOIN (SELECT number, sum(price * "order") AS worth FROM items GROUP BY number) USING (number)
LEFT JOIN (SELECT basket AS number, sum(amount) AS amount FROM payments GROUP BY basket) USING (number) GROUP BY "user" ORDER BY "user"

-- business: meters

-- == consumption
SELECT meter, max(value) - min(value) AS used, count(DISTINCT "by") AS readers FROM readings GROUP BY meter ORDER BY used DESC, meter LIMIT 5

-- == latest value of each meter
SELECT meter, arg_max(value, "at") AS value, max("at") AS latest FROM readings GROUP BY meter ORDER BY meter

-- == total of the latest values
SELECT sum(value) AS value FROM (SELECT DISTINCT ON (meter) meter, value FROM readings ORDER BY meter, "at" DESC)

-- == consumption per hour
SELECT time_bucket(INTERVAL 1 HOUR, "at") AS hour, sum(used) AS used FROM (
    SELECT "at", value - lag(value) OVER (PARTITION BY meter ORDER BY "at") AS used FROM readings
) GROUP BY hour ORDER BY hour

-- == readers
SELECT "by", count(*) AS n, count(DISTINCT meter) AS meters FROM readings GROUP BY "by" ORDER BY n DESC, "by"

-- == readings above the meter's mean
SELECT count(*) AS n FROM readings r WHERE value > (SELECT avg(value) FROM readings i WHERE i.meter = r.meter)

-- == readings above the reader's mean
SELECT count(*) AS n FROM readings r WHERE value > (SELECT avg(value) FROM readings i WHERE i."by" = r."by")

-- == readings by the same reader or none
SELECT meter, "by", count(*) AS n, sum(value) AS v FROM readings GROUP BY GROUPING SETS ((meter), ("by")) ORDER BY ALL

-- == quantiles by reader
SELECT "by", quantile_disc(value, 0.5) AS m, quantile_cont(value, 0.25) AS q, max(value, 2) AS top FROM readings GROUP BY "by" ORDER BY "by"

-- == meters by prefix
SELECT split_part(meter, ' ', 1) AS p, count(DISTINCT meter) AS n FROM readings GROUP BY p ORDER BY p

-- == gaps
SELECT meter, max(gap) AS gap FROM (SELECT meter, date_diff('hour', lag("at") OVER (PARTITION BY meter ORDER BY "at"), "at") AS gap FROM readings)
GROUP BY meter ORDER BY meter

-- == meters read by everyone
SELECT meter FROM readings r GROUP BY meter HAVING count(DISTINCT "by") >= (SELECT count(DISTINCT "by") FROM readings) ORDER BY meter

-- == a self join of times
SELECT count(*) AS n FROM readings a JOIN readings b ON a."at" = b."at" AND a.meter < b.meter

-- == meter case folded
SELECT upper(meter) AS m, count(*) AS n, min(value) AS v FROM readings GROUP BY upper(meter) ORDER BY m

-- business: trains

-- == trains by day
SELECT CAST(planned AS DATE) AS day, kind, count(*) AS n, sum(passengers) AS passengers
FROM departures LEFT JOIN calendar ON day = CAST(planned AS DATE) GROUP BY ALL ORDER BY ALL

-- == mean delay by line and wire
SELECT line, electric, avg(date_diff('minute', planned, "left")) AS delay, count(passengers) AS counted FROM departures GROUP BY line, electric ORDER BY ALL

-- == lines without trains
SELECT electric, line FROM lines ANTI JOIN departures USING (electric, line) ORDER BY ALL

-- == trains beyond the timetable
SELECT planned, station FROM departures d WHERE NOT EXISTS (SELECT 1 FROM lines l WHERE l.line = d.line AND l.electric = d.electric) ORDER BY ALL

-- == signals at departures - whole
SELECT count(*) AS n FROM departures JOIN signals ON signals."at" = planned AT TIME ZONE 'UTC'

-- == green before a departure
SELECT signal, bool_and(green) AS always, arg_max(green, "at") AS last FROM signals GROUP BY signal ORDER BY signal

-- == changes of a signal
SELECT signal, count(*) FILTER (green <> before) AS changes FROM (
    SELECT signal, green, lag(green) OVER (PARTITION BY signal ORDER BY "at") AS before FROM signals
) GROUP BY signal ORDER BY signal

-- == stops of lines in use
SELECT line, max(len(stops)) AS stops, count(*) AS n, max(stops[1].km) AS km FROM departures JOIN lines USING (line, electric) GROUP BY line ORDER BY line

-- == trains per time
SELECT planned, count(*) AS n, list(station ORDER BY station) AS stations FROM departures GROUP BY planned HAVING count(*) > 1 ORDER BY planned

-- == busiest station of each day
SELECT CAST(planned AS DATE) AS day, station, sum(passengers) AS p FROM departures GROUP BY CAST(planned AS DATE), station
QUALIFY rank() OVER (PARTITION BY CAST(planned AS DATE) ORDER BY sum(passengers) DESC) = 1 ORDER BY ALL

-- == minute of the timetable
SELECT minute(planned) AS m, median(passengers) AS p, stddev(passengers) AS d FROM departures GROUP BY m ORDER BY m

-- == no passengers at all
SELECT station, sum(passengers) AS p, coalesce(max(passengers), -1) AS most, count(*) - count(passengers) AS unknown FROM departures GROUP BY station ORDER BY station

-- == times compared over zones
SELECT count(*) AS n FROM departures WHERE "left" >= $as_of + INTERVAL 1 DAY OR planned < CAST($as_of AS TIMESTAMP)

-- business: odd

-- == orders by type
SELECT t."in", count(*) AS n, count(DISTINCT "order".number) AS orders FROM "order" JOIN "type" t USING ("type") GROUP BY t."in" ORDER BY t."in"

-- == the order before
SELECT a.number, b."user" AS before FROM "order" a LEFT JOIN "order" b ON b.number = a."order" ORDER BY a.number

-- == sums of lists
SELECT number, sum(list_sum("value")) AS s, sum(len(place)) AS p FROM "output" GROUP BY number ORDER BY number

-- == values of lists one by one
SELECT v, count(*) AS n FROM (SELECT unnest("value") AS v FROM "output") GROUP BY v ORDER BY v

-- == values of lists in FROM - whole
SELECT number, u.v FROM "output", unnest("value") AS u(v) ORDER BY ALL

-- == names in places
SELECT count(*) AS n FROM "output" WHERE list_contains(flatten(list_transform(place, lambda p: p.names)), 'a')

-- == orders left join refunds that never came
SELECT count(*) AS orders, count(refund.number) AS refunds, sum(len(refund.place)) AS places FROM "order" LEFT JOIN refund USING (number)

-- == strikes that never came
SELECT count(*) AS n, min(number) AS least, coalesce(sum(number), 0) AS s FROM strike

-- == users without orders
SELECT "user", "is" FROM "user" WHERE "user" NOT IN (SELECT "user" FROM "order") ORDER BY "user"

-- == users by texts that are empty
SELECT nullif("user", '') AS u, count(*) AS n FROM "order" GROUP BY u ORDER BY u

-- == outputs of orders, three ways
SELECT o."type", count(*) AS n, count(p."at") AS outputs, max(p."at") AS latest FROM "order" o LEFT JOIN "output" p ON p.number = o.number GROUP BY o."type" ORDER BY o."type"

-- == strikes beside orders - whole
SELECT count(*) AS n FROM "order" o JOIN strike s ON s.number = o.number

-- == a dimension that never comes
SELECT count(*) AS n FROM "order" JOIN holiday USING (number)
