namespace TimerSync.Infrastructure.Timers;

/// <summary>Where runs are kept durably: the seam between the write path and a database engine.</summary>
internal interface ITimerStore : IDisposable
{
    /// <summary>
    /// Decides the commands in their order by <see cref="TimerRule"/> and stores them in one transaction. When it returns,
    /// all that it reports is on disk. Called by the writer's thread only, at most one call at a time.
    /// </summary>
    /// <param name="commands">At most <see cref="TimerWriter.CommandsPerCommitMax"/>.</param>
    /// <param name="now">The server's time of this commit.</param>
    /// <returns>One result per command, in the same order.</returns>
    /// <exception cref="System.Data.Common.DbException">
    /// Nothing of the batch is reported. The writer answers <c>unavailable</c>; the next call starts afresh.
    /// </exception>
    CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now);
}
