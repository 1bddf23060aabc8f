using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TimerSync.Features.GetTimer;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Sqlite;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Simulation;

/// <summary>
/// The real store and the real reader, on a real file. A crash copies the files as they are, as <c>kill -9</c> leaves them,
/// and starts again on the copy. That a commit is synced, which no copy can show, <see cref="SyncWatch"/> sees.
/// </summary>
internal sealed class SqliteDisk : IDisk
{
    private const string FileName = "timersync.db";

    private static readonly Lazy<string> Template = new(MakeTemplate);

    private readonly TimeProvider _clock;
    private readonly string _folder = Directory.CreateTempSubdirectory("timersync-simulation-").FullName;
    private int _starts;
    private Open _open;

    public SqliteDisk(TimeProvider clock)
    {
        _clock = clock;
        _open = StartOn(Template.Value);
    }

    public string Epoch => _open.Identity.Epoch;

    /// <summary>The database, until the next crash.</summary>
    public string DatabaseFile => Path.Combine(_open.Folder, FileName);

    public CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now) => _open.Store.Commit(commands, now);

    public void AfterAnswers(bool isIdle) => _open.Store.AfterAnswers(isIdle);

    public Task<TimerSnapshot> ReadAsync(string userId) => _open.Reader.ReadAsync(userId, CancellationToken.None);

    public string? FindDamage() => SyncWatch.Writes == 0 ? "the watch sees no write"
        : SyncWatch.HasUnsyncedWrites ? "a commit was reported that is not synced"
        : null;

    public void Crash()
    {
        var before = _open;
        _open = StartOn(before.Folder);
        before.Dispose();
    }

    public void Dispose()
    {
        _open.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Open StartOn(string folder)
    {
        var copy = Directory.CreateDirectory(Path.Combine(_folder, $"{_starts++}")).FullName;
        foreach (var file in Directory.GetFiles(folder).Where(file => !file.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        return new Open(copy, _clock);
    }

    private static string MakeTemplate()
    {
        var folder = Directory.CreateTempSubdirectory("timersync-simulation-template-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        SyncWatch.Start();
        using var open = new Open(folder, TimeProvider.System);
        using var db = open.Databases.CreateDbContext();
        for (var user = 0; user < Profile.UsersMax; user++)
        {
            var id = $"u_{user}";
            db.Database.ExecuteSql($"INSERT INTO accounts (id, name, name_folded, password_hash, created_at) VALUES ({id}, {id}, {id}, '', 0)");
        }

        return folder;
    }

    /// <summary>The database while one server has it open.</summary>
    private sealed class Open : IDisposable
    {
        private readonly EpochFile _epochFile;

        public Open(string folder, TimeProvider clock)
        {
            Folder = folder;
            var options = Options.Create(new DatabaseOptions { ConnectionString = $"Data Source={Path.Combine(folder, FileName)};Pooling=False" });
            Databases = new PooledDbContextFactory<TimerSyncDb>(new DbContextOptionsBuilder<TimerSyncDb>()
                .UseSqlite(options.Value.ConnectionString).AddInterceptors(new SqliteSettings()).Options);
            _epochFile = new EpochFile(options, NullLogger<EpochFile>.Instance);
            var readers = SqliteSettings.CreateReaders(options.Value.ConnectionString);
            var start = new DatabaseStart(readers, new SqliteEngine(_epochFile));
            start.RunAsync(CancellationToken.None).GetAwaiter().GetResult(); // SQLite's calls block: nothing is waited for
            Identity = start.Identity;
            Store = new SqliteTimerStore(options, Identity, _epochFile);
            Reader = new GetTimerHandler(readers, Identity, clock);
        }

        public string Folder { get; }

        public PooledDbContextFactory<TimerSyncDb> Databases { get; }

        public DatabaseIdentity Identity { get; }

        public SqliteTimerStore Store { get; }

        public GetTimerHandler Reader { get; }

        public void Dispose()
        {
            Store.Dispose();
            _epochFile.Dispose();
        }
    }
}
