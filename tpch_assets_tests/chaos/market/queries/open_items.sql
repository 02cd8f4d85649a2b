-- Open items
-- Which items are still to be delivered at the day's end?
-- live: due

SELECT sale, position, price
FROM items
WHERE due >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
ORDER BY sale, position
