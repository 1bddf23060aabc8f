DELETE FROM login_sessions WHERE id = @id
