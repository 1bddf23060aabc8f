using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace TimerSync.Tests.Postgres;

/// <summary>
/// A real PostgreSQL of the tests' own: a new data folder, a free port on loopback, what it commits is durable. It ends with
/// the test process, however that ends: a shell beside it waits for the end of its input.
/// </summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    public const string Missing = "PostgreSQL is not installed: apt-get install postgresql.";

    private const string Superuser = "postgres";

    /// <summary>What the server under test signs in as: no superuser.</summary>
    private const string Owner = "timersync";

    private static readonly Lazy<Task<PostgresCluster>> SharedCluster = new(StartAsync);

    private readonly string _folder;
    private readonly int _port;
    private readonly Process _keeper;

    private PostgresCluster(string folder, int port, Process keeper) => (_folder, _port, _keeper) = (folder, port, keeper);

    public int Port => _port;

    /// <summary>Called where PostgreSQL is not installed, before that fails.</summary>
    public static Action WhenMissing { get; set; } = () => { };

    /// <summary>One for all tests that do not stop it. Runs until the test process ends.</summary>
    public static Task<PostgresCluster> Shared => SharedCluster.Value;

    public static async Task<PostgresCluster> StartAsync()
    {
        if (Programs is null)
        {
            WhenMissing();
            throw new InvalidOperationException(Missing);
        }

        var port = TimerSyncServer.FreePort();
        var keeper = Launch("""
            folder=$(mktemp -d /tmp/timersync-postgres-XXXXXX)
            trap '"$programs/pg_ctl" -D "$folder/data" -m immediate stop >&2; rm -rf "$folder"' EXIT
            "$programs/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --no-locale --no-sync >&2
            printf '%s\n' "port = $port" "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$folder'" \
              "max_connections = 300" >>"$folder/data/postgresql.conf"
            "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start >&2
            echo "$folder"
            cat >/dev/null
            """, port);
        var folder = await keeper.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException($"PostgreSQL did not start: {await keeper.StandardError.ReadToEndAsync()}");
        _ = keeper.StandardError.ReadToEndAsync();
        var cluster = new PostgresCluster(folder, port, keeper);
        await cluster.ExecuteAsync($"CREATE ROLE {Owner} LOGIN");
        return cluster;
    }

    /// <returns>The connection string of a new, empty database, as the server under test is given it.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"t{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE DATABASE {name} OWNER {Owner}");
        return ConnectionString(name, _port);
    }

    public Task DropDatabaseAsync(string connectionString) =>
        ExecuteAsync($"DROP DATABASE {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)");

    private static string ConnectionString(string database, int port) => $"Host=127.0.0.1;Port={port};Username={Owner};Database={database}";

    /// <summary>As a superuser.</summary>
    public async Task ExecuteAsync(string sql, string database = Superuser)
    {
        await using var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={_port};Username={Superuser};Database={database};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public Task StopAsync() => ControlAsync("-m fast stop");

    /// <summary>As if the machine had lost its power, but for the disk: it recovers when it starts again.</summary>
    public Task CrashAsync() => ControlAsync("-m immediate stop");

    /// <summary>Unless it is running.</summary>
    public Task StartAgainAsync() => RunAsync("""
        "$programs/pg_ctl" -D "$folder/data" status >/dev/null || "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start >/dev/null
        """);

    /// <summary>The files as they are while it is stopped.</summary>
    public Task BackUpAsync() => RunAsync("""rm -rf "$folder/backup"; cp -a "$folder/data" "$folder/backup" """);

    public Task RestoreAsync() => RunAsync("""rm -rf "$folder/data"; cp -a "$folder/backup" "$folder/data" """);

    /// <summary>What <c>pg_dump</c> writes, put into a new database.</summary>
    public async Task<string> DumpAndRestoreAsync(string connectionString)
    {
        var copy = await CreateDatabaseAsync();
        var (from, to) = (new NpgsqlConnectionStringBuilder(connectionString).Database, new NpgsqlConnectionStringBuilder(copy).Database);
        await RunAsync($"""
            "$programs/pg_dump" -h 127.0.0.1 -p "$port" -U {Owner} {from} | "$programs/psql" -h 127.0.0.1 -p "$port" -U {Owner} -q {to} >/dev/null
            """);
        return copy;
    }

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
    }

    private static string? Programs => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Where(version => File.Exists($"{version}/bin/initdb"))
            .MaxBy(version => int.Parse(Path.GetFileName(version), CultureInfo.InvariantCulture)) + "/bin"
        : null;

    private Task ControlAsync(string arguments) => RunAsync($"""
        "$programs/pg_ctl" -D "$folder/data" {arguments}
        """);

    private async Task RunAsync(string script)
    {
        using var shell = Launch($"folder={_folder}\n{script}", _port);
        shell.StandardInput.Close();
        var errors = shell.StandardError.ReadToEndAsync();
        await shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        if (shell.ExitCode != 0)
        {
            throw new InvalidOperationException(await errors);
        }
    }

    /// <summary>As the user that the package made, where the tests run as root: PostgreSQL refuses to.</summary>
    private static Process Launch(string script, int port)
    {
        var text = $"set -euo pipefail; cd /tmp; umask 077; programs={Programs}; port={port}\n{script}";
        var start = Environment.IsPrivilegedProcess
            ? new ProcessStartInfo("su", [Superuser, "-s", "/bin/bash", "-c", text])
            : new ProcessStartInfo("bash", ["-c", text]);
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
        return Process.Start(start)!;
    }
}
