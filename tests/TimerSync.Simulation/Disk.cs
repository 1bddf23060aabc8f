using System.Collections.Immutable;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Simulation;

/// <summary>What outlives a crash: a store below the writer's seam.</summary>
internal interface IDisk : IDisposable
{
    string Epoch { get; }

    /// <summary>As <see cref="ITimerStore.Commit"/>.</summary>
    CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now);

    /// <summary>As <see cref="ITimerStore.AfterAnswers"/>.</summary>
    void AfterAnswers(bool isIdle)
    {
    }

    /// <summary>What a reader beside the writer sees.</summary>
    Task<TimerSnapshot> ReadAsync(string userId);

    /// <summary>What must never be, found by looking at what is stored; null when all is well.</summary>
    string? FindDamage();

    /// <summary>The machine stops and starts again: what was not synced is gone.</summary>
    void Crash();
}

/// <summary>A disk in memory, written as <c>SqliteTimerStore</c> or <c>PostgresTimerStore</c> writes its tables.</summary>
/// <param name="clock">For the time of reads.</param>
/// <param name="isBatched">Reads first, decides in memory and writes then, as for PostgreSQL; else command by command.</param>
/// <param name="commitsPerSync">1 is honest. More: it reports commits that are not on disk yet, and must be caught.</param>
internal sealed class MemoryDisk(TimeProvider clock, bool isBatched = false, int commitsPerSync = 1) : IDisk
{
    private Tables _tables = Tables.Empty;
    private Tables _synced = Tables.Empty;
    private int _unsynced;

    public string Epoch => "epoch-of-the-simulation";

    public CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        var tables = _tables;
        var results = isBatched ? ApplyBatch(ref tables, commands, now) : ApplyEach(ref tables, commands, now);
        _tables = tables;
        if (++_unsynced >= commitsPerSync)
        {
            _synced = _tables;
            _unsynced = 0;
        }

        return results;
    }

    public Task<TimerSnapshot> ReadAsync(string userId) =>
        Task.FromResult(Snapshot(_tables, userId, _tables.Current(userId), clock.GetUtcNowMilliseconds()));

    public string? FindDamage() => _tables.Runs.Values
        .Where(runs => runs.Values.Count(row => row.Status == TimerStatus.Running) > 1)
        .Select(runs => $"two running timers: {string.Join(" and ", runs.Values.Where(row => row.Status == TimerStatus.Running).Select(row => row.Run.Id))}")
        .FirstOrDefault();

    public void Crash() => (_tables, _unsynced) = (_synced, 0);

    public void Dispose()
    {
    }

    private CommandResult[] ApplyBatch(ref Tables tables, IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        var batch = new TimerBatch(Epoch, now);
        foreach (var userId in commands.Select(command => command.UserId).Distinct(StringComparer.Ordinal))
        {
            batch.AddVersion(userId, tables.Versions.GetValueOrDefault(userId));
            if (tables.Current(userId) is { } current)
            {
                batch.AddCurrent(userId, current);
            }
        }

        foreach (var runId in commands.Select(command => command.RunId))
        {
            if (tables.Find(runId) is { } stored)
            {
                batch.AddRun(stored.UserId, stored.Run);
            }
        }

        CommandResult[] results = [.. commands.Select(batch.Apply)];
        foreach (var run in batch.Updated)
        {
            tables = tables.Save(tables.Owners[run.Id], run, TimerStatus.Stopped);
        }

        foreach (var (userId, run, status) in batch.Inserted)
        {
            tables = tables.Save(userId, run, status);
        }

        tables = tables with { Versions = tables.Versions.SetItems(batch.ChangedVersions) };
        return results;
    }

    private CommandResult[] ApplyEach(ref Tables tables, IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        var results = new CommandResult[commands.Count];
        for (var i = 0; i < commands.Count; i++)
        {
            results[i] = Apply(ref tables, commands[i], now);
        }

        return results;
    }

    private CommandResult Apply(ref Tables tables, TimerCommand command, DateTimeOffset now)
    {
        var decision = TimerRule.Decide(command, tables.Find(command.RunId), tables.Current(command.UserId), now);
        if (decision.Changed is { } changed)
        {
            if (decision.Superseded is { } superseded)
            {
                tables = tables.Save(command.UserId, superseded, TimerStatus.Stopped);
            }

            var isCurrent = changed.Id == decision.Current!.Id;
            tables = tables.Save(command.UserId, changed, isCurrent ? TimerRule.StatusOf(changed) : TimerStatus.Stopped).NextVersion(command.UserId);
        }

        return new CommandResult(decision.Outcome, Snapshot(tables, command.UserId, decision.Current, now));
    }

    private TimerSnapshot Snapshot(Tables tables, string userId, Run? current, DateTimeOffset now) =>
        TimerSnapshot.Of(userId, current, tables.Versions.GetValueOrDefault(userId), Epoch, now);

    private sealed record Row(Run Run, TimerStatus Status)
    {
        /// <summary>The id as the database keeps it.</summary>
        public string Text { get; } = Run.Id.ToString("D");
    }

    private sealed record Tables(
        ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Runs, ImmutableDictionary<Guid, string> Owners, ImmutableDictionary<string, long> Versions)
    {
        public static readonly Tables Empty = new(
            ImmutableDictionary<string, ImmutableDictionary<Guid, Row>>.Empty.WithComparers(StringComparer.Ordinal),
            ImmutableDictionary<Guid, string>.Empty,
            ImmutableDictionary<string, long>.Empty.WithComparers(StringComparer.Ordinal));

        public StoredRun? Find(Guid id) =>
            Owners.TryGetValue(id, out var owner) ? new StoredRun(owner, Runs[owner][id].Run) : null;

        /// <summary>ORDER BY started_at DESC, id DESC LIMIT 1.</summary>
        public Run? Current(string userId)
        {
            Row? last = null;
            foreach (var (_, row) in RunsOf(userId))
            {
                var order = last is null ? 1 : row.Run.StartedAt.CompareTo(last.Run.StartedAt);
                last = order > 0 || (order == 0 && string.CompareOrdinal(row.Text, last!.Text) > 0) ? row : last;
            }

            return last?.Run;
        }

        public Tables Save(string userId, Run run, TimerStatus status) => this with
        {
            Runs = Runs.SetItem(userId, RunsOf(userId).SetItem(run.Id, new Row(run, status))),
            Owners = Owners.SetItem(run.Id, userId),
        };

        public Tables NextVersion(string userId) => this with { Versions = Versions.SetItem(userId, Versions.GetValueOrDefault(userId) + 1) };

        private ImmutableDictionary<Guid, Row> RunsOf(string userId) => Runs.GetValueOrDefault(userId, ImmutableDictionary<Guid, Row>.Empty);
    }
}
