using System.Data.Common;

namespace TimerSync.Infrastructure.Database;

/// <summary>
/// SQL past EF Core: for what is read for every connection, ten thousand of which come back at once after a restart, and for the
/// start itself. Its pipeline costs more than such a query, each time that it opens SQLite it registers two dozen functions, and
/// to make it ready takes half of the start (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
internal static class DirectQuery
{
    /// <exception cref="DbException">The database did not answer.</exception>
    public static async Task<List<TRow>> QueryAsync<TRow>(
        this DbDataSource database, string sql, Func<DbDataReader, TRow> read, CancellationToken cancellationToken, params (string Name, object Value)[] parameters)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QueryAsync(sql, read, cancellationToken, parameters);
    }

    /// <exception cref="DbException">The database did not answer.</exception>
    public static async Task<List<TRow>> QueryAsync<TRow>(
        this DbConnection connection, string sql, Func<DbDataReader, TRow> read, CancellationToken cancellationToken, params (string Name, object Value)[] parameters)
    {
        await using var command = connection.CreateCommand(sql, parameters);
        var rows = new List<TRow>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <exception cref="DbException">The database did not answer.</exception>
    public static async Task ExecuteAsync(
        this DbConnection connection, string sql, CancellationToken cancellationToken, params (string Name, object Value)[] parameters)
    {
        await using var command = connection.CreateCommand(sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static DbCommand CreateCommand(this DbConnection connection, string sql, (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql; // constants, and values as parameters
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ($"@{name}", value);
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
