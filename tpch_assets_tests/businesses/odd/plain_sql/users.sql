SELECT count(*) AS users, max("is") AS latest FROM "user"
