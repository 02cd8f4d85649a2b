-- Paid
-- What was paid in all?
-- partial
SELECT CAST(sum(amount) AS DECIMAL(18, 2)) AS paid FROM sales
-- combine
SELECT CAST(sum(paid) AS DECIMAL(18, 2)) AS paid FROM partials
