SELECT id AS "Id", name AS "Name", password_hash AS "PasswordHash" FROM accounts WHERE name_folded = @name_folded
