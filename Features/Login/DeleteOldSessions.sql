-- What has expired, and of the rest all but the newest: a script that logs in every minute must not fill the database.
DELETE FROM login_sessions
WHERE user_id = @user_id
  AND (expires_at <= @now OR id NOT IN (
      SELECT id FROM login_sessions WHERE user_id = @user_id ORDER BY created_at DESC LIMIT @sessions_max))
