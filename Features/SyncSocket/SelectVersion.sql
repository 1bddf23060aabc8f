SELECT version FROM timer_versions WHERE user_id = @user_id
