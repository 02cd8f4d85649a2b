-- Totals
-- How many sales were there, and what are they worth?

SELECT count(*) AS sales, CAST(coalesce(sum(total), 0) AS DECIMAL(18,2)) AS total FROM sales
