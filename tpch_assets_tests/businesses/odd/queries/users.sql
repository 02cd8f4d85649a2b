-- Users
-- How many users are known?
SELECT count(*) AS users, max("is") AS latest FROM "user"
