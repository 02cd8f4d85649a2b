-- Refunds
-- How much of the orders went back?
-- partial
SELECT count(*) AS orders, count(refund.place) AS refunds FROM "order" LEFT JOIN refund USING (number)
-- combine
SELECT CAST(sum(orders) AS BIGINT) AS orders, CAST(sum(refunds) AS BIGINT) AS refunds FROM partials
