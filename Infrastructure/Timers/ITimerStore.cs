using System.Data.Common;

namespace TimerSync.Infrastructure.Timers;

/// <summary>Where runs are kept durably: the seam between the write path and a database engine.</summary>
internal interface ITimerStore : IDisposable
{
    /// <summary>
    /// Decides the commands in their order by <see cref="TimerRule"/> and stores them in one transaction. When it returns,
    /// all that it reports is on disk. Called by the writer's thread only, at most one call at a time.
    /// </summary>
    /// <param name="commands">At most <see cref="TimerWriter.CommandsPerCommitMax"/>; none only tries whether it could.</param>
    /// <param name="now">The server's time of this commit.</param>
    /// <returns>One result per command, in the same order.</returns>
    /// <exception cref="DbException">
    /// Nothing of the batch is reported. The writer answers <c>unavailable</c>; the next call starts afresh.
    /// </exception>
    /// <exception cref="CommitUnknownException">The same, but whether the batch is stored is not known.</exception>
    CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now);

    /// <summary>What a commit that succeeded leaves to be done. Called by the writer's thread only; never throws.</summary>
    /// <param name="isIdle">No further command waits.</param>
    void AfterAnswers(bool isIdle)
    {
    }
}

/// <summary>The database went away between a commit and its answer, and did not come back in time to be asked.</summary>
internal sealed class CommitUnknownException(Exception cause) : DbException(cause.Message, cause);
