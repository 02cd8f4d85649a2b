SELECT (SELECT count(*) FROM baskets) AS baskets, (SELECT count(*) FROM visits) AS visits
