using System.Data.Common;

namespace TimerSync.Infrastructure.Database;

/// <summary>
/// Queries past EF Core: for what is read for every connection, ten thousand of which come back at once after a restart. Its
/// pipeline costs more than such a query itself, and each time that it opens SQLite it registers two dozen functions
/// (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
internal static class DirectQuery
{
    /// <exception cref="DbException">The database did not answer.</exception>
    public static async Task<List<TRow>> QueryAsync<TRow>(
        this DbDataSource database, string sql, Func<DbDataReader, TRow> read, CancellationToken cancellationToken, params (string Name, string Value)[] parameters)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ($"@{name}", value);
            command.Parameters.Add(parameter);
        }

        var rows = new List<TRow>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }
}
