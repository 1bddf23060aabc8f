using Microsoft.Data.Sqlite;
using TimerSync.Infrastructure.Timers;
using TimerSync.Simulation;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary>SQLite's write-ahead log has a bound, also where somebody reads at every moment.</summary>
public sealed class SqliteLogTests
{
    private const int Commits = 100;
    private const int CommitsMax = 500; // how much of it makes the log longer depends on when the readers come
    private const int Changes = 24; // so many are moved at once
    private const int BytesMax = 40 * 1024 * 1024; // twice the store's bound, and the commits until a reader makes room

    private static readonly TimeSpan ReadTime = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_log_does_not_grow_beyond_its_bound(bool isAlwaysRead)
    {
        using var disk = new SqliteDisk(TimeProvider.System);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var reads = new ManualResetEventSlim(!isAlwaysRead);
        var reading = isAlwaysRead
            ? Task.Factory.StartNew(() => Read(disk.DatabaseFile, reads, ended.Token), ended.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            : Task.CompletedTask;
        reads.Wait(ended.Token);
        var (log, bytesMost, bytesWritten, before) = (new FileInfo(disk.DatabaseFile + "-wal"), 0L, 0L, 0L);

        for (var i = 0; i < Commits || (isAlwaysRead && bytesWritten <= BytesMax && i < CommitsMax); i++)
        {
            var now = DateTimeOffset.UnixEpoch.AddMilliseconds(i);
            disk.Commit(Starts(TimerWriter.CommandsPerCommitMax, now), now);
            disk.AfterAnswers(isIdle: false);
            log.Refresh();
            bytesWritten += Math.Max(0, log.Length - before);
            (bytesMost, before) = (Math.Max(bytesMost, log.Length), log.Length);
        }

        await ended.CancelAsync();
        await reading;
        TestContext.Current.TestOutputHelper!.WriteLine($"at most {bytesMost:N0} bytes; it grew by {bytesWritten:N0} in all");
        Assert.InRange(bytesMost, 1, BytesMax);
        Assert.True(!isAlwaysRead || bytesWritten > BytesMax, "Too little was written to see a bound.");
    }

    [Theory]
    [InlineData(1, Changes)]
    [InlineData(Changes, 0)]
    public void When_nobody_waits_it_is_moved_into_the_database_unless_many_come_at_once(int commandsPerCommit, int runsMoved)
    {
        using var disk = new SqliteDisk(TimeProvider.System);
        for (var i = 0; i < Changes / commandsPerCommit; i++)
        {
            var now = DateTimeOffset.UnixEpoch.AddMilliseconds(i);
            disk.Commit(Starts(commandsPerCommit, now), now);
            disk.AfterAnswers(isIdle: true);
        }

        Assert.Equal(runsMoved, RunsWithoutLog(disk.DatabaseFile));
    }

    private static TimerCommand[] Starts(int count, DateTimeOffset now) =>
        [.. Enumerable.Range(0, count).Select(_ => new TimerCommand(TimerAction.Start, "u_0", Guid.NewGuid(), now))];

    private static long RunsWithoutLog(string file)
    {
        var folder = Directory.CreateTempSubdirectory("timersync-log-");
        try
        {
            var copy = Path.Combine(folder.FullName, "copy.db");
            File.Copy(file, copy);
            using var connection = new SqliteConnection($"Data Source={copy};Pooling=False");
            connection.Open();
            using var select = connection.CreateCommand();
            select.CommandText = "SELECT count(*) FROM timers";
            return (long)select.ExecuteScalar()!;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>One reader begins before the other one ends; neither is so short that the log would be emptied between two commits.</summary>
    private static void Read(string file, ManualResetEventSlim reads, CancellationToken ended)
    {
        using SqliteConnection one = new($"Data Source={file};Mode=ReadOnly;Pooling=False"), other = new(one.ConnectionString);
        one.Open();
        other.Open();
        SqliteTransaction? before = null;
        for (var i = 0; !ended.IsCancellationRequested; i++)
        {
            var reader = i % 2 == 0 ? one : other;
            var transaction = reader.BeginTransaction(deferred: true);
            using var select = reader.CreateCommand();
            select.CommandText = "SELECT count(*) FROM timer_versions";
            select.ExecuteScalar();
            before?.Dispose();
            before = transaction;
            reads.Set();
            ended.WaitHandle.WaitOne(ReadTime);
        }

        before?.Dispose();
    }
}
