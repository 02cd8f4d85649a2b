-- Tags
-- Which tags do videos have, how long are these, and which studios make them?
-- combine
SELECT
    tag,
    count(*) AS videos,
    sum(length) AS minutes,
    list_sort(list(DISTINCT {'name': studio.name, 'country': studio.country})) AS studios,
    count(title) AS titles
FROM (SELECT *, unnest(tags) AS tag FROM videos)
GROUP BY tag
ORDER BY videos DESC, tag
