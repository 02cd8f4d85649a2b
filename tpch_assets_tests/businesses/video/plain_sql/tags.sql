SELECT tag, count(*) AS videos, sum(length) AS minutes,
    list_sort(list(DISTINCT {'name': studio.name, 'country': studio.country})) AS studios,
    count(title) AS titles
FROM videos, unnest(tags) AS unnested(tag)
GROUP BY tag ORDER BY videos DESC, tag
