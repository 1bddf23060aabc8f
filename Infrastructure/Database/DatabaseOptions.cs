using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Database;

/// <summary>Where the data is kept: section <c>Database</c> (CONTRACT.md, section 5).</summary>
internal sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>The engine: <c>Sqlite</c>, or <c>Postgres</c>, which several nodes can share.</summary>
    public string Provider { get; set; } = "Sqlite";

    /// <summary>Of that provider. Default: the file <c>timersync.db</c> in the working directory.</summary>
    public string ConnectionString { get; set; } = "Data Source=timersync.db";

    /// <summary>Commands that share one transaction at most; 1 turns group commit off. Default, and most: 256.</summary>
    public int CommandsPerCommit { get; set; } = TimerWriter.CommandsPerCommitMax;

    public bool IsPostgres => Provider.Equals("Postgres", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Refuses what the server could not work with, naming the key.</summary>
internal sealed class ValidateDatabaseOptions : IValidateOptions<DatabaseOptions>
{
    public ValidateOptionsResult Validate(string? name, DatabaseOptions options)
    {
        if (options.CommandsPerCommit is < 1 or > TimerWriter.CommandsPerCommitMax)
        {
            return ValidateOptionsResult.Fail(
                $"Database:CommandsPerCommit must be from 1 to {TimerWriter.CommandsPerCommitMax}, not {options.CommandsPerCommit}.");
        }

        if (options.IsPostgres)
        {
            return PostgresSettings.Problem(options.ConnectionString) is { } problem
                ? ValidateOptionsResult.Fail($"Database:ConnectionString is not one of PostgreSQL: {problem}")
                : ValidateOptionsResult.Success;
        }

        if (!options.Provider.Equals("Sqlite", StringComparison.OrdinalIgnoreCase))
        {
            return ValidateOptionsResult.Fail($"Database:Provider must be Sqlite or Postgres, not '{options.Provider}'.");
        }

        try
        {
            var file = new SqliteConnectionStringBuilder(options.ConnectionString);
            return file.DataSource is "" or ":memory:" || file.Mode == SqliteOpenMode.Memory
                ? ValidateOptionsResult.Fail("Database:ConnectionString must name a file: 'Data Source=timersync.db'.")
                : ValidateOptionsResult.Success;
        }
        catch (ArgumentException exception)
        {
            return ValidateOptionsResult.Fail($"Database:ConnectionString is not one of SQLite: {exception.Message}");
        }
    }
}
