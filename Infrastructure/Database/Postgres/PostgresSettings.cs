using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace TimerSync.Infrastructure.Database.Postgres;

/// <summary>How this program talks to PostgreSQL. What the configured connection string says itself, counts.</summary>
internal static class PostgresSettings
{
    // A node has few connections, and none of them waits for long: a request is better refused than kept.
    private const string Defaults =
        "Application Name=timersync;Maximum Pool Size=20;Timeout=3;Command Timeout=5;Cancellation Timeout=1000;TCP Keepalive=true;";

    /// <summary>An idle connection of its own is asked for a sign of life so often: one that died is not found out by a command.</summary>
    private const int KeepAliveSeconds = 1;

    /// <returns>What is wrong with a connection string; null when nothing is.</returns>
    public static string? Problem(string connectionString)
    {
        try
        {
            var server = new NpgsqlConnectionStringBuilder(connectionString);
            return string.IsNullOrEmpty(server.Host) || string.IsNullOrEmpty(server.Database)
                ? "it must name Host and Database: 'Host=localhost;Database=timersync;Username=timersync'."
                : null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            return exception.Message;
        }
    }

    /// <summary>Connections that are shared: of requests, and of all that is quickly done.</summary>
    public static NpgsqlDataSource CreatePool(string connectionString) => NpgsqlDataSource.Create(Defaults + connectionString);

    /// <summary>EF Core on that pool. Npgsql's own strategy would wrap what is to be seen as it is: a database that does not answer.</summary>
    public static DbContextOptionsBuilder UsePool(this DbContextOptionsBuilder db, NpgsqlDataSource pool) =>
        db.UseNpgsql(pool, npgsql => npgsql.ExecutionStrategy(dependencies => new NonRetryingExecutionStrategy(dependencies)));

    /// <summary>The same on one connection.</summary>
    public static DbContextOptionsBuilder UseConnection(this DbContextOptionsBuilder db, DbConnection connection) =>
        db.UseNpgsql(connection, npgsql => npgsql.ExecutionStrategy(dependencies => new NonRetryingExecutionStrategy(dependencies)));

    /// <summary>A connection that is opened for one purpose and kept. Its name is seen in <c>pg_stat_activity</c>.</summary>
    public static NpgsqlConnection CreateOwnConnection(string connectionString, string purpose)
    {
        var settings = new NpgsqlConnectionStringBuilder(Defaults + connectionString)
        {
            Pooling = false,
            KeepAlive = KeepAliveSeconds,
        };
        settings.ApplicationName += $" {purpose}";
        return new NpgsqlConnection(settings.ConnectionString);
    }

    /// <exception cref="PostgresException">What the server commits would not be durable.</exception>
    public static void RequireDurableCommits(NpgsqlConnection connection)
    {
        foreach (var setting in (ReadOnlySpan<string>)["synchronous_commit", "fsync"])
        {
            using var show = new NpgsqlCommand($"SHOW {setting}", connection);
            if (show.ExecuteScalar() is "off")
            {
                throw new PostgresException(
                    $"{setting} is off: what is committed would not be durable.", "FATAL", "FATAL", PostgresErrorCodes.ConfigFileError);
            }
        }
    }
}
