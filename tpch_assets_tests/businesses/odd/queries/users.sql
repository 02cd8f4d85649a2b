-- Users
-- How many users are known?
-- combine
SELECT count(*) AS users, max("is") AS latest FROM "user"
