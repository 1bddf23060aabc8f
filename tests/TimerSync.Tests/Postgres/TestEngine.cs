using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace TimerSync.Tests.Postgres;

/// <summary>
/// Which engine the servers of the tests use. SQLite; with <c>TIMERSYNC_TEST_PROVIDER=Postgres</c> in the environment every
/// server gets a PostgreSQL database of its own, unless the test says itself which database.
/// </summary>
public static class TestEngine
{
    private static readonly string[] CiVariables = ["CI", "GITHUB_ACTIONS"];

    public static bool IsPostgres { get; } =
        string.Equals(Environment.GetEnvironmentVariable("TIMERSYNC_TEST_PROVIDER"), "Postgres", StringComparison.OrdinalIgnoreCase);

    [ModuleInitializer]
    internal static void Prepare()
    {
        PostgresCluster.WhenMissing = () =>
            Assert.SkipUnless(CiVariables.Any(name => Environment.GetEnvironmentVariable(name) is { Length: > 0 }), PostgresCluster.Missing);
        if (IsPostgres)
        {
            TimerSyncServer.ChooseDatabase = async settings =>
                Array.Exists(settings, setting => setting.Key.StartsWith("Database:", StringComparison.OrdinalIgnoreCase))
                    ? settings
                    : [.. settings, .. Postgres(await (await PostgresCluster.Shared).CreateDatabaseAsync())];
        }
    }

    /// <summary>The settings of a node on that database.</summary>
    public static (string Key, string Value)[] Postgres(string connectionString) =>
        [("Database:Provider", "Postgres"), ("Database:ConnectionString", connectionString)];

    /// <summary>A connection to the server's database, beside the server.</summary>
    public static DbConnection OpenDatabase(this TimerSyncServer server)
    {
        var connectionString = $"{server.Setting("Database:ConnectionString")};Pooling=false";
        DbConnection connection = server.Setting("Database:Provider") == "Postgres"
            ? new NpgsqlConnection(connectionString)
            : new SqliteConnection($"{connectionString};Mode=ReadOnly");
        connection.Open();
        return connection;
    }

    public static void AddParameter(this DbCommand command, string name, object value)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, value);
        command.Parameters.Add(parameter);
    }
}
