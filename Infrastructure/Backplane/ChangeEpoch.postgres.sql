UPDATE meta SET value = CASE key WHEN 'epoch' THEN @epoch ELSE @database END WHERE key IN ('epoch', 'database')
