using System.Text.Json.Serialization;

namespace TimerSync.Infrastructure.Timers;

/// <summary>Whether the current timer runs.</summary>
public enum TimerStatus
{
    /// <summary>Stopped, or never started.</summary>
    Stopped,

    /// <summary>Running since <see cref="TimerSnapshot.StartedAt"/>.</summary>
    Running,
}

/// <summary>A user's current timer as every client sees it (CONTRACT.md, section 2). Times are UTC, whole milliseconds.</summary>
/// <param name="Id">The current run; null, like all its times, for a user who never started one.</param>
/// <param name="UserId">The owner.</param>
/// <param name="Status">Running or stopped.</param>
/// <param name="StartedAt">When the run started.</param>
/// <param name="StoppedAt">When it was stopped; null while it runs.</param>
/// <param name="UpdatedAt">When its row last changed.</param>
/// <param name="Version">Grows by one with each stored change of the user's timers; 0 before the first.</param>
/// <param name="Epoch">Names the database; changes when that is replaced or restored.</param>
/// <param name="ServerTime">The server's clock when the snapshot was taken.</param>
[JsonConverter(typeof(TimerSnapshotConverter))]
public sealed record TimerSnapshot(
    Guid? Id,
    string UserId,
    TimerStatus Status,
    DateTimeOffset? StartedAt,
    DateTimeOffset? StoppedAt,
    DateTimeOffset? UpdatedAt,
    long Version,
    string Epoch,
    DateTimeOffset ServerTime)
{
    internal static TimerSnapshot Of(string userId, Run? current, long version, string epoch, DateTimeOffset serverTime) =>
        new(current?.Id, userId, TimerRule.StatusOf(current), current?.StartedAt, current?.StoppedAt, current?.UpdatedAt,
            version, epoch, serverTime);
}
