-- Of two first logins at the same moment one makes the account; the other must know its password.
INSERT INTO accounts (id, name, name_folded, password_hash, created_at)
VALUES (@id, @name, @name_folded, @password_hash, @created_at)
ON CONFLICT (name_folded) DO NOTHING
