using System.Diagnostics;

namespace TimerSync.Nemesis;

internal enum OperationKind
{
    Start,
    Stop,
}

/// <summary>How a command ended for the one who sent it.</summary>
internal enum Outcome
{
    /// <summary>No answer: it may have been stored, or may be stored yet.</summary>
    Unknown,

    /// <summary>Confirmed: it is durable.</summary>
    Ok,

    /// <summary>An error: it changed nothing.</summary>
    Refused,
}

/// <summary>One press, from its first sending to its answer; sent again or not, it is one operation.</summary>
internal sealed class Operation
{
    public required int Number { get; init; }

    public required string Device { get; init; }

    public required OperationKind Kind { get; init; }

    public required Guid RunId { get; init; }

    /// <summary>When it was pressed, by a right clock: milliseconds since 1970.</summary>
    public required long PressedAt { get; init; }

    /// <summary>Whether the server was told exactly this time; else it computes one from a wrong clock, or takes its own.</summary>
    public required bool IsExact { get; init; }

    /// <summary>The error that a right server answers; null for a command that it takes.</summary>
    public string? MustBeRefusedAs { get; init; }

    /// <summary>The newest version that anybody had seen before it was sent: it comes after that one.</summary>
    public long VersionBefore { get; set; }

    /// <summary>The newest version that its sender had seen when it was confirmed: it is not later than that one.</summary>
    public long VersionAfter { get; set; } = long.MaxValue;

    /// <summary>When it was made. Monotonic, in milliseconds, like the next two.</summary>
    public long MadeAt { get; } = History.Now;

    /// <summary>When it was first sent; null while it was not.</summary>
    public long? InvokedAt { get; set; }

    public long? EndedAt { get; set; }

    public Outcome Outcome { get; set; }

    /// <summary>Whether a copy of it has no answer of its own: still on its way, it may count yet, whatever another one was answered.</summary>
    public bool HasUnansweredCopy { get; set; }

    public string? Refusal { get; set; }

    /// <summary>The time that it has in the database; equals <see cref="PressedAt"/> when that was exact.</summary>
    public long StoredAt { get; set; }

    public override string ToString() =>
        $"#{Number} {Device} {Kind} {RunId:D} at {PressedAt}{(IsExact ? "" : "~")} {Outcome} {Refusal} versions ({VersionBefore}, "
        + $"{(VersionAfter == long.MaxValue ? "?" : VersionAfter)}] {InvokedAt}..{EndedAt}";
}

/// <summary>The timer as a snapshot shows it. Times are milliseconds since 1970.</summary>
/// <remarks><c>UpdatedAt</c> is null where the fragment does not tell it.</remarks>
internal sealed record State(Guid? Id, bool IsRunning, long? StartedAt, long? StoppedAt, long? UpdatedAt);

/// <summary>A snapshot as it arrived.</summary>
internal sealed record Snapshot(string UserId, string Epoch, long Version, State State);

/// <summary>A snapshot that somebody saw.</summary>
internal sealed record Sighting(long At, string Connection, long Version, State State);

/// <summary>
/// What one user's devices did and saw. What can be said of a snapshot at once is checked at once; the rest is for
/// <see cref="HistoryChecker"/>. Any thread.
/// </summary>
internal sealed class History(string userId)
{
    private readonly Lock _gate = new();
    private readonly List<Operation> _operations = [];
    private readonly List<Sighting> _sightings = [];
    private readonly Dictionary<long, State> _states = [];
    private readonly List<string> _violations = [];
    private readonly List<Guid> _runs = [];
    private readonly List<Operation> _confirmedStarts = [];
    private string? _epoch;
    private long _newestVersion;

    public string UserId => userId;

    /// <summary>The newest version that anybody has seen so far.</summary>
    public long NewestVersion => Volatile.Read(ref _newestVersion);

    /// <summary>How many operations there are so far.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _operations.Count;
            }
        }
    }

    public IReadOnlyList<Operation> Operations => _operations;

    public IReadOnlyList<Sighting> Sightings => _sightings;

    public IReadOnlyDictionary<long, State> States => _states;

    public IReadOnlyList<string> Violations => _violations;

    public static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMilliseconds;

    public Operation Add(string device, OperationKind kind, Guid runId, long pressedAt, bool isExact = true, string? mustBeRefusedAs = null, bool isPrivate = false)
    {
        lock (_gate)
        {
            var operation = new Operation
            {
                Number = _operations.Count,
                Device = device,
                Kind = kind,
                RunId = runId,
                PressedAt = pressedAt,
                IsExact = isExact,
                MustBeRefusedAs = mustBeRefusedAs,
                StoredAt = pressedAt,
            };
            _operations.Add(operation);
            if (kind == OperationKind.Start && mustBeRefusedAs is null && !isPrivate)
            {
                _runs.Add(runId);
            }

            return operation;
        }
    }

    /// <summary>Call just before each sending; the first one counts.</summary>
    public void Invoke(Operation operation)
    {
        if (operation.InvokedAt is null)
        {
            (operation.VersionBefore, operation.InvokedAt) = (NewestVersion, Now);
        }
    }

    public void Confirm(Operation operation, long version)
    {
        lock (_gate)
        {
            (operation.Outcome, operation.VersionAfter, operation.EndedAt) = (Outcome.Ok, version, Now);
            if (operation.MustBeRefusedAs is not null)
            {
                _violations.Add($"{operation} had to be refused as {operation.MustBeRefusedAs}");
            }

            if (operation.Kind == OperationKind.Start)
            {
                _confirmedStarts.Add(operation);
            }
        }
    }

    public void Refuse(Operation operation, string code)
    {
        lock (_gate)
        {
            (operation.Refusal, operation.EndedAt) = (code, Now);
            operation.Outcome = operation.HasUnansweredCopy ? Outcome.Unknown : Outcome.Refused;
            if (code != operation.MustBeRefusedAs && code is not ("unknown_timer" or "unavailable"))
            {
                _violations.Add($"{operation} was refused as {code}");
            }
        }
    }

    /// <summary>A run that some device of the user started, or will; null while there is none.</summary>
    public Guid? AnyRun(Random random)
    {
        lock (_gate)
        {
            return _runs.Count == 0 ? null : _runs[^random.Next(1, Math.Min(_runs.Count, 50) + 1)];
        }
    }

    /// <summary>Whether the run may be stopped by every device.</summary>
    public bool IsShared(Guid run)
    {
        lock (_gate)
        {
            return _runs.Contains(run);
        }
    }

    /// <summary>A run that is certainly stored.</summary>
    public Guid? AnyStoredRun()
    {
        lock (_gate)
        {
            return _confirmedStarts.Count == 0 ? null : _confirmedStarts[^1].RunId;
        }
    }

    /// <summary>An earlier operation, to be sent again by another device.</summary>
    public Operation? AnyOperation(Random random)
    {
        lock (_gate)
        {
            var recent = _operations.Skip(_operations.Count - 30).Where(one => one.IsExact && one.MustBeRefusedAs is null).ToList();
            return recent.Count == 0 ? null : recent[random.Next(recent.Count)];
        }
    }

    /// <summary>Records a snapshot that arrived.</summary>
    /// <param name="connection">Where, for the reader of a violation.</param>
    /// <param name="snapshot">What it says.</param>
    /// <param name="atLeast">The version that it must have at least: one that was seen before it was asked for, or on this connection.</param>
    public void See(string connection, Snapshot snapshot, long atLeast)
    {
        lock (_gate)
        {
            _sightings.Add(new Sighting(Now, connection, snapshot.Version, snapshot.State));
            if (snapshot.Version < atLeast)
            {
                _violations.Add($"{connection} saw version {snapshot.Version} after {atLeast} had been seen");
            }

            if (snapshot.UserId != userId)
            {
                _violations.Add($"{connection} of {userId} saw the timer of {snapshot.UserId}");
            }

            if ((_epoch ??= snapshot.Epoch) != snapshot.Epoch)
            {
                _violations.Add($"{connection} saw the epoch change from {_epoch} to {snapshot.Epoch}");
                _epoch = snapshot.Epoch;
            }

            var seen = _states.GetValueOrDefault(snapshot.Version, snapshot.State);
            _states[snapshot.Version] = seen with { UpdatedAt = seen.UpdatedAt ?? snapshot.State.UpdatedAt };
            if (seen with { UpdatedAt = null } != snapshot.State with { UpdatedAt = null }
                || (seen.UpdatedAt ?? snapshot.State.UpdatedAt) != (snapshot.State.UpdatedAt ?? seen.UpdatedAt))
            {
                _violations.Add($"{connection} saw version {snapshot.Version} as {snapshot.State}, others as {seen}");
            }

            _newestVersion = Math.Max(_newestVersion, snapshot.Version);
        }
    }

    public void Violate(string violation)
    {
        lock (_gate)
        {
            _violations.Add(violation);
        }
    }
}
