SELECT session_id, number, views.at, user_id, born
FROM views JOIN sessions USING (session_id) JOIN users USING (user_id)
WHERE views.at >= ($as_of + INTERVAL 1 DAY) AT TIME ZONE 'UTC'
ORDER BY views.at, session_id, number
