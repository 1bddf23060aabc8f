using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TimerSync.Benchmarks.Load;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Sqlite;

namespace TimerSync.Benchmarks.Data;

/// <summary>
/// Makes a database as the server does, and puts accounts and login sessions straight into it: signing up costs the server
/// a tenth of a second of hashing each, which is not what is measured.
/// </summary>
internal sealed class BenchDatabase : IDisposable
{
    private BenchDatabase(string file, string? signingKey)
    {
        File = file;
        Options = Microsoft.Extensions.Options.Options.Create(new DatabaseOptions { ConnectionString = $"Data Source={file};Pooling=False" });
        EpochFile = new EpochFile(Options, NullLogger<EpochFile>.Instance);
        Start = new DatabaseStart(SqliteSettings.CreateReaders(Options.Value.ConnectionString), new SqliteEngine(EpochFile));
        Tokens = new AccessTokens(Microsoft.Extensions.Options.Options.Create(new JwtOptions { SigningKey = signingKey }), Start);
    }

    public string File { get; }

    public IOptions<DatabaseOptions> Options { get; }

    public EpochFile EpochFile { get; }

    public DatabaseStart Start { get; }

    public AccessTokens Tokens { get; }

    /// <summary>Creates the schema where it is missing.</summary>
    /// <param name="file">The SQLite file.</param>
    /// <param name="signingKey">Of the tokens; null takes the one in the database, which a server without <c>Jwt:SigningKey</c> uses too.</param>
    public static async Task<BenchDatabase> OpenAsync(string file, string? signingKey = null)
    {
        var database = new BenchDatabase(file, signingKey);
        await database.Start.RunAsync(CancellationToken.None);
        return database;
    }

    public static string UserId(int index) => $"u_{index:x32}";

    /// <summary>Adds accounts, where missing, with one login session each.</summary>
    /// <returns>The users with their tokens.</returns>
    public User[] AddUsers(int count)
    {
        var now = DateTimeOffset.UtcNow;
        using var connection = Connect();
        using var transaction = connection.BeginTransaction();
        using var account = Prepare(connection, """
            INSERT INTO accounts (id, name, name_folded, password_hash, created_at) VALUES (@id, @id, @id, '', @now)
            ON CONFLICT DO NOTHING
            """, "@id", "@now");
        using var session = Prepare(connection, """
            INSERT INTO login_sessions (id, user_id, created_at, expires_at) VALUES (@id, @user_id, @now, @expires_at)
            """, "@id", "@user_id", "@now", "@expires_at");
        var users = new User[count];
        for (var i = 0; i < count; i++)
        {
            var (id, sessionId) = (UserId(i), Guid.NewGuid().ToString("N"));
            Execute(account, id, now.ToUnixTimeMilliseconds());
            Execute(session, sessionId, id, now.ToUnixTimeMilliseconds(), Tokens.ExpiryOf(now).ToUnixTimeMilliseconds());
            users[i] = new User(id, Tokens.Create(id, id, sessionId, now));
        }

        transaction.Commit();
        return users;
    }

    public SqliteConnection Connect()
    {
        var connection = new SqliteConnection(Options.Value.ConnectionString);
        connection.Open();
        return connection;
    }

    public void Dispose()
    {
        EpochFile.Dispose();
    }

    internal static SqliteCommand Prepare(SqliteConnection connection, string sql, params string[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var name in parameters)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        }

        return command;
    }

    internal static void Execute(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i];
        }

        command.ExecuteNonQuery();
    }
}
