using System.Data.Common;

namespace TimerSync.Nemesis;

/// <summary>A row of the database at the end.</summary>
internal sealed record StoredRow(Guid Id, bool IsRunning, long StartedAt, long? StoppedAt);

/// <summary>What the database says of one user at the end.</summary>
internal sealed record StoredTimer(long Version, IReadOnlyDictionary<Guid, StoredRow> Rows)
{
    /// <summary>Of a user who never started one.</summary>
    public static readonly StoredTimer None = new(0, new Dictionary<Guid, StoredRow>());
}

/// <summary>Reads all of it, past the server.</summary>
internal static class StoredTimers
{
    /// <returns>By user; those without a timer are missing.</returns>
    public static Dictionary<string, StoredTimer> Read(DbConnection database)
    {
        var rows = ReadRows(database);
        var stored = new Dictionary<string, StoredTimer>(StringComparer.Ordinal);
        foreach (var (userId, version) in ReadVersions(database))
        {
            stored[userId] = new StoredTimer(version, rows.GetValueOrDefault(userId) ?? []);
        }

        return stored;
    }

    /// <returns>By user; those without a timer are missing.</returns>
    public static Dictionary<string, long> ReadVersions(DbConnection database)
    {
        var versions = new Dictionary<string, long>(StringComparer.Ordinal);
        using var select = database.CreateCommand();
        select.CommandText = "SELECT user_id, version FROM timer_versions";
        using var row = select.ExecuteReader();
        while (row.Read())
        {
            versions[row.GetString(0)] = row.GetInt64(1);
        }

        return versions;
    }

    private static Dictionary<string, Dictionary<Guid, StoredRow>> ReadRows(DbConnection database)
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
