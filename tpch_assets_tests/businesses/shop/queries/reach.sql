-- Reach
-- How many baskets and visits were there? The two are cut at different keys.
SELECT (SELECT count(*) FROM baskets) AS baskets, (SELECT count(*) FROM visits) AS visits
