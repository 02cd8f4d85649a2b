-- Holidays
-- How many orders came on holidays?
SELECT count(*) AS orders FROM "order" SEMI JOIN holiday USING (number)
