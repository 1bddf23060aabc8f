using System.Data.Common;
using Microsoft.EntityFrameworkCore;

namespace TimerSync.Infrastructure.Database;

/// <summary>What is different between the engines when a server starts; called in this order, on one connection.</summary>
internal interface IDatabaseEngine
{
    /// <summary>Opens the connection and makes sure that what it commits will be durable. No other node is in here meanwhile.</summary>
    /// <exception cref="DbException">The database cannot be used; the start ends with one line.</exception>
    Task OpenAsync(DbConnection connection, CancellationToken cancellationToken);

    /// <summary>EF Core on that connection.</summary>
    void Use(DbContextOptionsBuilder db, DbConnection connection);

    /// <summary>Whether the database is the one that last had this epoch: not a restored backup, not a copy.</summary>
    Task<bool> KnowsAsync(DbConnection connection, string epoch, CancellationToken cancellationToken);

    /// <summary>From now on this is the database that has this epoch. Lets the next node in.</summary>
    Task RememberAsync(DbConnection connection, string epoch, CancellationToken cancellationToken);
}
