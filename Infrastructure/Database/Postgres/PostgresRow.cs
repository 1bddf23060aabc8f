using Npgsql;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Database.Postgres;

/// <summary>Reads rows of <c>timers</c>.</summary>
internal static class PostgresRow
{
    /// <param name="rows">On a row.</param>
    /// <param name="column">The first of four: id, started_at, stopped_at, updated_at.</param>
    public static Run ReadRun(NpgsqlDataReader rows, int column) => new(
        Guid.Parse(rows.GetString(column)),
        DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(column + 1)),
        rows.IsDBNull(column + 2) ? null : DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(column + 2)),
        DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(column + 3)));
}
