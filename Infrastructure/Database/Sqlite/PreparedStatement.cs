using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace TimerSync.Infrastructure.Database.Sqlite;

/// <summary>
/// A statement of SQLite's own interface (https://sqlite.org/c3ref/stmt.html), for the writer, which executes four of them for
/// each press: Microsoft.Data.Sqlite makes a reader for each and boxes every value, most of what a press allocated
/// (tests/TimerSync.Benchmarks/RESULTS.md). One thread at a time. Parameters are numbered as they first appear in the SQL, from 1.
/// </summary>
/// <exception cref="SqliteException">SQLite refused it: from the constructor, Bind, Execute and Read.</exception>
internal sealed class PreparedStatement : IDisposable
{
    private const int GuidLength = 36;

    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    public PreparedStatement(SqliteConnection connection, string sql)
    {
        _database = connection.Handle!;
        Require(raw.sqlite3_prepare_v3(_database, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public PreparedStatement Bind(int parameter, long? value)
    {
        Require(value is { } number
            ? raw.sqlite3_bind_int64(_statement, parameter, number)
            : raw.sqlite3_bind_null(_statement, parameter));
        return this;
    }

    /// <summary>As text in UTF-8, of which SQLite takes a copy. An empty one would become NULL.</summary>
    public PreparedStatement Bind(int parameter, ReadOnlySpan<byte> utf8)
    {
        Require(raw.sqlite3_bind_text(_statement, parameter, utf8));
        return this;
    }

    /// <summary>As text. An empty one would become NULL.</summary>
    public PreparedStatement Bind(int parameter, string value)
    {
        Require(raw.sqlite3_bind_text16(_statement, parameter, value));
        return this;
    }

    /// <summary>As its lower-case text with hyphens.</summary>
    public PreparedStatement Bind(int parameter, Guid value)
    {
        Span<byte> text = stackalloc byte[GuidLength];
        value.TryFormat(text, out _);
        return Bind(parameter, text);
    }

    /// <summary>To its end.</summary>
    public void Execute()
    {
        using var rows = Rows();
        while (rows.Read())
        {
            // What it returns is not wanted.
        }
    }

    /// <summary>Row by row. Disposed of before the next use of the statement.</summary>
    public RowReader Rows() => new(this);

    /// <summary>Before its connection is closed, which otherwise stays open until this is.</summary>
    public void Dispose() => _statement.Dispose();

    private void Require(int result) => SqliteException.ThrowExceptionForRC(result, _database);

    /// <summary>The rows as they come. Columns are numbered from 0.</summary>
    internal readonly ref struct RowReader(PreparedStatement owner) : IDisposable
    {
        /// <returns>False after the last one.</returns>
        public bool Read()
        {
            var result = raw.sqlite3_step(owner._statement);
            owner.Require(result);
            return result == raw.SQLITE_ROW;
        }

        public bool IsNull(int column) => raw.sqlite3_column_type(owner._statement, column) == raw.SQLITE_NULL;

        public long Number(int column) => raw.sqlite3_column_int64(owner._statement, column);

        public string Text(int column) => Encoding.UTF8.GetString(Bytes(column));

        public Guid Guid(int column) => System.Guid.Parse(Bytes(column));

        /// <summary>
        /// Ready for the next use. What went wrong has been thrown by <see cref="Read"/>, and is not thrown again. A change that
        /// returns rows is read to its end, or in a transaction: else its own commit would come here, unheard when it fails.
        /// </summary>
        public void Dispose() => raw.sqlite3_reset(owner._statement);

        // A blob is asked for, since that has a length: the text as it is stored, in UTF-8.
        private ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(owner._statement, column);
    }
}
