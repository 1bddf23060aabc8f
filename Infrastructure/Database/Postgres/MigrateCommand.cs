using System.Buffers;
using System.Buffers.Binary;
using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Npgsql;
using NpgsqlTypes;

namespace TimerSync.Infrastructure.Database.Postgres;

/// <summary>
/// <c>dotnet TimerSync.dll migrate --to "Host=…"</c>: copies everything from the SQLite file of the settings to an empty
/// PostgreSQL database, in one transaction there. Every table is read back and compared before that commits. The source is
/// opened for reading alone; it stays as it is, with its epoch, which the copy has too: clients notice nothing.
/// </summary>
internal static class MigrateCommand
{
    public const string Name = "migrate";

    private const string Usage = "Usage: dotnet TimerSync.dll migrate --to \"Host=localhost;Database=timersync;Username=timersync\"";

    /// <summary>In an order that keeps every reference whole. The first column is the key.</summary>
    private static readonly Table[] Tables =
    [
        new("meta", ["key", "value"], []),
        new("accounts", ["id", "name", "name_folded", "password_hash"], ["created_at"]),
        new("login_sessions", ["id", "user_id"], ["created_at", "expires_at"]),
        new("timers", ["id", "user_id", "status"], ["started_at", "stopped_at", "updated_at"]),
        new("timer_versions", ["user_id"], ["version"]),
    ];

    /// <returns>The exit code: 0 when everything is there.</returns>
    public static async Task<int> RunAsync(IConfiguration configuration, CancellationToken cancellationToken)
    {
        var source = configuration.GetSection(DatabaseOptions.Section).Get<DatabaseOptions>() ?? new DatabaseOptions();
        var target = configuration["to"];
        if (target is null || source.IsPostgres || PostgresSettings.Problem(target) is not null)
        {
            var problem = source.IsPostgres ? "Database:Provider is Postgres already: the source is SQLite." : PostgresSettings.Problem(target ?? "");
            await Console.Error.WriteLineAsync($"migrate: {problem}\n{Usage}");
            return 1;
        }

        try
        {
            await CopyAsync(source.ConnectionString, target, cancellationToken);
            return 0;
        }
        catch (Exception exception) when (exception is DbException or MigrateException)
        {
            await Console.Error.WriteLineAsync($"migrate: {exception.Message} Nothing was copied.");
            return 1;
        }
    }

    private static async Task CopyAsync(string from, string to, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        var file = new SqliteConnectionStringBuilder(from) { Mode = SqliteOpenMode.ReadOnly, Pooling = false };
        await using var source = new SqliteConnection(file.ToString());
        await source.OpenAsync(cancellationToken);
        await using var snapshot = source.BeginTransaction(IsolationLevel.Serializable, deferred: true); // one moment of all tables

        await using var pool = PostgresSettings.CreatePool($"{to};Command Timeout=0"); // a table may be long
        await using var target = pool.CreateConnection();
        var engine = new PostgresEngine(new PostgresFingerprint());
        await engine.OpenAsync(target, cancellationToken); // no node starts meanwhile
        await DatabaseStart.MigrateAsync(engine, target, cancellationToken);
        await using var transaction = await target.BeginTransactionAsync(cancellationToken);
        foreach (var table in Tables)
        {
            if (await HasRowsAsync(target, table, cancellationToken))
            {
                throw new MigrateException($"The target is not empty: it has rows in {table.Name}.");
            }
        }

        Console.WriteLine($"from {file.DataSource} to {target.Host}:{target.Port.ToString(CultureInfo.InvariantCulture)}/{target.Database}");
        foreach (var table in Tables)
        {
            var read = await CopyAsync(source, target, table, cancellationToken);
            var written = await DigestAsync(target, table, cancellationToken);
            if (read != written)
            {
                throw new MigrateException($"{table.Name} differs: {read.Rows} rows were read, {written.Rows} arrived, or their contents differ.");
            }

            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{table.Name,-16}{written.Rows,12:N0} rows, the same on both sides: SHA-256 {written.Sha256[..16]}"));
        }

        await transaction.CommitAsync(cancellationToken);
        await using var analyze = new NpgsqlCommand("ANALYZE", target);
        await analyze.ExecuteNonQueryAsync(cancellationToken);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"done in {Stopwatch.GetElapsedTime(begun).TotalSeconds:F1} s"));
    }

    private static async Task<bool> HasRowsAsync(NpgsqlConnection target, Table table, CancellationToken cancellationToken)
    {
        await using var any = new NpgsqlCommand($"SELECT EXISTS (SELECT 1 FROM {table.Name})", target);
        return (bool)(await any.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<Digest> CopyAsync(
        SqliteConnection source, NpgsqlConnection target, Table table, CancellationToken cancellationToken)
    {
        await using var select = source.CreateCommand();
        select.CommandText = table.Select;
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        await using var copy = await target.BeginBinaryImportAsync(
            $"COPY {table.Name} ({table.Columns}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        using var digest = new RowDigest(table);
        while (await rows.ReadAsync(cancellationToken))
        {
            await copy.StartRowAsync(cancellationToken);
            for (var column = 0; column < table.Count; column++)
            {
                if (await rows.IsDBNullAsync(column, cancellationToken))
                {
                    await copy.WriteNullAsync(cancellationToken);
                }
                else if (column < table.Texts.Length)
                {
                    await copy.WriteAsync(rows.GetString(column), NpgsqlDbType.Text, cancellationToken);
                }
                else
                {
                    await copy.WriteAsync(rows.GetInt64(column), NpgsqlDbType.Bigint, cancellationToken);
                }
            }

            digest.Add(rows);
        }

        await copy.CompleteAsync(cancellationToken);
        return digest.Result();
    }

    private static async Task<Digest> DigestAsync(NpgsqlConnection target, Table table, CancellationToken cancellationToken)
    {
        await using var select = new NpgsqlCommand(table.Select, target);
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        using var digest = new RowDigest(table);
        while (await rows.ReadAsync(cancellationToken))
        {
            digest.Add(rows);
        }

        return digest.Result();
    }

    /// <param name="Name">Of the table.</param>
    /// <param name="Texts">Its columns of text, the key first.</param>
    /// <param name="Numbers">Its columns of 64-bit numbers.</param>
    private sealed record Table(string Name, string[] Texts, string[] Numbers)
    {
        public int Count => Texts.Length + Numbers.Length;

        public string Columns => string.Join(", ", [.. Texts, .. Numbers]);

        /// <summary>Both engines compare keys byte by byte: the rows come in the same order.</summary>
        public string Select => $"SELECT {Columns} FROM {Name} ORDER BY {Texts[0]}";
    }

    private sealed record Digest(long Rows, string Sha256);

    /// <summary>Of all rows of a table in the order of their keys: values with their lengths, one after the other.</summary>
    private sealed class RowDigest(Table table) : IDisposable
    {
        private const int NumberBytes = 8;
        private const int Null = -1;

        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly ArrayBufferWriter<byte> _row = new();
        private long _rows;

        public void Add(DbDataReader rows)
        {
            _row.ResetWrittenCount();
            for (var column = 0; column < table.Count; column++)
            {
                if (rows.IsDBNull(column))
                {
                    Write(Null);
                }
                else if (column < table.Texts.Length)
                {
                    var text = rows.GetString(column);
                    Write(Encoding.UTF8.GetByteCount(text));
                    Encoding.UTF8.GetBytes(text, _row);
                }
                else
                {
                    Write(rows.GetInt64(column));
                }
            }

            _hash.AppendData(_row.WrittenSpan);
            _rows++;
        }

        public Digest Result() => new(_rows, Convert.ToHexStringLower(_hash.GetHashAndReset()));

        public void Dispose() => _hash.Dispose();

        private void Write(long number)
        {
            BinaryPrimitives.WriteInt64BigEndian(_row.GetSpan(NumberBytes), number);
            _row.Advance(NumberBytes);
        }
    }

    private sealed class MigrateException(string message) : Exception(message);
}
