SELECT expires_at AS "Value" FROM login_sessions WHERE id = @id AND user_id = @user_id
