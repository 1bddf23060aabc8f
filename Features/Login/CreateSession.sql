INSERT INTO login_sessions (id, user_id, created_at, expires_at) VALUES (@id, @user_id, @created_at, @expires_at)
