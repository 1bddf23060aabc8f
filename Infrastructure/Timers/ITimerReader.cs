namespace TimerSync.Infrastructure.Timers;

/// <summary>Reads the newest committed state; any thread.</summary>
internal interface ITimerReader
{
    /// <returns>The user's current timer; stopped at version 0 for a user who never started one.</returns>
    /// <exception cref="System.Data.Common.DbException">The database did not answer.</exception>
    Task<TimerSnapshot> ReadAsync(string userId, CancellationToken cancellationToken);
}
