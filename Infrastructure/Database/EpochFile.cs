using System.Globalization;
using System.Text.Unicode;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Database;

/// <summary>
/// A small file beside the SQLite file that remembers how many changes the database had. A database that has fewer was
/// restored from a backup, and gets a new epoch: its versions went back, and clients must take its state all the same
/// (CONTRACT.md, section 2). Written after each commit, when all have heard of it, and never synced: after a crash it may lag
/// behind the database, which is harmless, never be ahead of it.
/// </summary>
internal sealed partial class EpochFile(IOptions<DatabaseOptions> options, ILogger<EpochFile> logger) : IDisposable
{
    private readonly string _path =
        new SqliteConnectionStringBuilder(options.Value.ConnectionString).DataSource + "-epoch";

    private readonly byte[] _line = new byte[64];

    private FileStream? _file;
    private string _epoch = "";
    private long _changes;

    /// <summary>
    /// Whether the database is the one that was last open here, no older than it was then. One with another epoch may be a
    /// backup that was restored before: its clients, too, have seen versions that it does not have.
    /// </summary>
    public bool Knows(string epoch, long changes)
    {
        if (!File.Exists(_path))
        {
            return false;
        }

        var remembered = File.ReadAllText(_path).Split(' ', StringSplitOptions.TrimEntries);
        return remembered.Length == 2 && remembered[0] == epoch
            && long.TryParse(remembered[1], CultureInfo.InvariantCulture, out var then) && changes >= then;
    }

    public void Open(string epoch, long changes)
    {
        (_epoch, _changes) = (epoch, changes);
        // Not emptied first: the line always has the same length, and a crash in between must not lose it.
        _file = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Add(changes: 0);
    }

    /// <summary>Remembers what was committed. Called by the writer's thread. Never throws: a commit is a commit.</summary>
    public void Add(int changes)
    {
        _changes += changes;
        try
        {
            Utf8.TryWrite(_line, CultureInfo.InvariantCulture, $"{_epoch} {_changes:D19}\n", out var length);
            RandomAccess.Write(_file!.SafeFileHandle, _line.AsSpan(0, length), fileOffset: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            // ArgumentOutOfRangeException: how .NET reports a file that may not grow. It costs only that a restored backup may
            // go unnoticed.
            LogNotWritten(exception);
        }
    }

    public void Dispose() => _file?.Dispose();

    [LoggerMessage(LogLevel.Warning, "The epoch file could not be written")]
    private partial void LogNotWritten(Exception exception);
}
