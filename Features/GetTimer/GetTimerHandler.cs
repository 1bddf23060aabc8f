using System.Data.Common;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.GetTimer;

/// <summary>Reads a user's newest committed timer, for <c>GET /timers</c>, the page, and a socket's first message.</summary>
internal sealed class GetTimerHandler(DbDataSource database, DatabaseIdentity identity, TimeProvider clock)
    : ITimerReader
{
    private static readonly string SelectTimer = EmbeddedSql.Load("GetTimer.sql");

    public async Task<TimerSnapshot> ReadAsync(string userId, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(SelectTimer, Row.Read, cancellationToken, ("user_id", userId));
        return rows is [var row]
            ? TimerSnapshot.Of(userId, row.ToRun(), row.Version, identity.Epoch, clock.GetUtcNowMilliseconds())
            : TimerSnapshot.Of(userId, current: null, version: 0, identity.Epoch, clock.GetUtcNowMilliseconds());
    }

    private sealed record Row(long Version, string Id, long StartedAt, long? StoppedAt, long UpdatedAt)
    {
        public static Row Read(DbDataReader row) => new(
            row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.IsDBNull(3) ? null : row.GetInt64(3), row.GetInt64(4));

        public Run ToRun() => new(
            Guid.Parse(Id),
            DateTimeOffset.FromUnixTimeMilliseconds(StartedAt),
            StoppedAt is { } stoppedAt ? DateTimeOffset.FromUnixTimeMilliseconds(stoppedAt) : null,
            DateTimeOffset.FromUnixTimeMilliseconds(UpdatedAt));
    }
}
