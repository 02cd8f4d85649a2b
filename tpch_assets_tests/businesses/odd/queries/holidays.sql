-- Holidays
-- How many orders came on holidays?
-- partial
SELECT count(*) AS orders FROM "order" SEMI JOIN holiday USING (number)
-- combine
SELECT CAST(sum(orders) AS BIGINT) AS orders FROM partials
