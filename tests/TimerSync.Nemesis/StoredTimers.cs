using Microsoft.Data.Sqlite;

namespace TimerSync.Nemesis;

/// <summary>A row of the database at the end.</summary>
internal sealed record StoredRow(Guid Id, bool IsRunning, long StartedAt, long? StoppedAt);

/// <summary>What the database says of one user at the end.</summary>
internal sealed record StoredTimer(long Version, IReadOnlyDictionary<Guid, StoredRow> Rows);

/// <summary>Reads all of it, past the server.</summary>
internal static class StoredTimers
{
    /// <returns>By user; those without a timer are missing.</returns>
    public static Dictionary<string, StoredTimer> Read(string file, List<string> violations)
    {
        using var database = new SqliteConnection($"Data Source={file};Mode=ReadOnly;Pooling=false");
        database.Open();
        using var check = database.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        if (check.ExecuteScalar() as string is var integrity && integrity != "ok")
        {
            violations.Add($"the database is damaged: {integrity}");
        }

        var rows = ReadRows(database);
        var stored = new Dictionary<string, StoredTimer>(StringComparer.Ordinal);
        using var versions = database.CreateCommand();
        versions.CommandText = "SELECT user_id, version FROM timer_versions";
        using (var row = versions.ExecuteReader())
        {
            while (row.Read())
            {
                stored[row.GetString(0)] = new StoredTimer(row.GetInt64(1), rows.GetValueOrDefault(row.GetString(0)) ?? []);
            }
        }

        return stored;
    }

    private static Dictionary<string, Dictionary<Guid, StoredRow>> ReadRows(SqliteConnection database)
    {
        var rows = new Dictionary<string, Dictionary<Guid, StoredRow>>(StringComparer.Ordinal);
        using var timers = database.CreateCommand();
        timers.CommandText = "SELECT user_id, id, status, started_at, stopped_at FROM timers";
        using (var row = timers.ExecuteReader())
        {
            while (row.Read())
            {
                var id = Guid.Parse(row.GetString(1));
                (rows.TryGetValue(row.GetString(0), out var mine) ? mine : rows[row.GetString(0)] = [])[id] =
                    new StoredRow(id, row.GetString(2) == "running", row.GetInt64(3), row.IsDBNull(4) ? null : row.GetInt64(4));
            }
        }

        return rows;
    }
}
