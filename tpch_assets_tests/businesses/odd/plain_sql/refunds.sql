SELECT count(*) AS orders, count(refund.place) AS refunds FROM "order" LEFT JOIN refund USING (number)
