namespace TimerSync.Infrastructure.Database;

/// <summary>What is different between the engines when a server starts; called in this order, on one open connection.</summary>
internal interface IDatabaseEngine
{
    /// <summary>Opens the database and makes sure that what it commits will be durable. No other node is in here meanwhile.</summary>
    /// <exception cref="System.Data.Common.DbException">It cannot be used; the start ends with one line.</exception>
    Task OpenAsync(TimerSyncDb db, CancellationToken cancellationToken);

    /// <summary>Whether the database is the one that last had this epoch: not a restored backup, not a copy.</summary>
    Task<bool> KnowsAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken);

    /// <summary>From now on this is the database that has this epoch. Lets the next node in.</summary>
    Task RememberAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken);
}
