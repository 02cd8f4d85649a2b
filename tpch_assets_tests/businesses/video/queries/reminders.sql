-- Reminders
-- Which views still lie ahead when the day ends?
-- live: at
-- partial
SELECT session_id, number, views.at, user_id
FROM views
JOIN sessions USING (session_id)
WHERE views.at >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
-- combine
SELECT session_id, number, "at", user_id, born
FROM partials
JOIN users USING (user_id)
ORDER BY "at", session_id, number
