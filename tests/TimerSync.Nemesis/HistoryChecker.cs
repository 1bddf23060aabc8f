namespace TimerSync.Nemesis;

/// <summary>
/// Whether there is one order of a user's commands that the model allows and that explains everything: each version is one
/// command; its state is what everybody saw at that version; each command lies between what was known before it was sent and
/// what its sender knew when it was confirmed; a confirmed one is stored with its own time, a refused one is not; one without
/// an answer may be in it or not; and the end of it is what the database holds.
/// </summary>
/// <remarks>
/// Versions are given, so the search goes from one version to the next and seldom has a choice: the command with the nearest
/// deadline first, which is optimal where commands commute, and back again where they do not.
/// </remarks>
internal sealed class HistoryChecker
{
    /// <summary>Past this the answer is "undecided", which counts as a violation.</summary>
    private const int StepsMax = 2_000_000;

    /// <summary>Clocks are read to the millisecond, at both ends.</summary>
    private const long ClockReadingError = 5;

    private readonly History _history;
    private readonly StoredTimer _stored;
    private readonly List<string> _violations;
    private readonly List<Operation> _candidates;
    private readonly ILookup<long, Operation> _confirmedBy;
    private readonly ILookup<long, Operation> _unknownTimerAt;
    private readonly HashSet<Operation> _applied = [];

    // What was applied decides the state, in whatever order: a set that led nowhere once need not be tried again.
    private readonly HashSet<ulong> _tried = [];
    private readonly Dictionary<Operation, ulong> _marks;
    private ulong _appliedMark;

    private HistoryChecker(History history, StoredTimer stored)
    {
        _history = history;
        _stored = stored;
        _violations = [.. history.Violations];
        foreach (var operation in history.Operations)
        {
            ResolveTime(operation);
        }

        _candidates = [.. history.Operations.Where(IsCandidate).OrderBy(one => one.VersionAfter).ThenBy(one => one.Number)];
        _marks = _candidates.ToDictionary(one => one, one => unchecked((ulong)new Random(one.Number).NextInt64(long.MinValue, long.MaxValue)));
        _confirmedBy = history.Operations.Where(one => one.Outcome == Outcome.Ok && one.MustBeRefusedAs is null)
            .ToLookup(one => Math.Min(one.VersionAfter, stored.Version));
        _unknownTimerAt = history.Operations.Where(one => one.Refusal == "unknown_timer").ToLookup(one => one.VersionBefore);
    }

    /// <returns>What is wrong; nothing when all is well.</returns>
    public static IReadOnlyList<string> Check(History history, StoredTimer stored)
    {
        var checker = new HistoryChecker(history, stored);
        checker.CheckRows();
        checker.CheckConfirmed();
        if (checker._violations.Count == 0)
        {
            checker.Search();
        }

        return checker._violations;
    }

    /// <summary>The time that a wrong clock's press was stored with is known from the database alone; it must be near the truth.</summary>
    private void ResolveTime(Operation operation)
    {
        if (operation.IsExact || !_stored.Rows.TryGetValue(operation.RunId, out var row)
            || (operation.Kind == OperationKind.Start ? row.StartedAt : row.StoppedAt) is not { } at)
        {
            return;
        }

        operation.StoredAt = at;
        var earliest = operation.Kind == OperationKind.Stop ? Math.Max(operation.PressedAt, row.StartedAt) : operation.PressedAt;
        if (operation.Outcome == Outcome.Ok && (at < earliest - ClockReadingError
            || at > earliest + (operation.EndedAt - operation.MadeAt) + ClockReadingError))
        {
            _violations.Add($"{operation} was stored at {at}, {at - operation.PressedAt} ms off");
        }
    }

    private bool IsCandidate(Operation operation)
    {
        if (operation.InvokedAt is null || operation.Outcome == Outcome.Refused || operation.MustBeRefusedAs is not null
            || !_stored.Rows.TryGetValue(operation.RunId, out var row))
        {
            return false;
        }

        return operation.Kind == OperationKind.Start
            ? operation.StoredAt == row.StartedAt
            : Math.Max(operation.StoredAt, row.StartedAt) >= row.StoppedAt;
    }

    private void CheckRows()
    {
        var current = _stored.Rows.Values.OrderBy(row => row.StartedAt).ThenBy(row => row.Id.ToString("D"), StringComparer.Ordinal).LastOrDefault();
        foreach (var row in _stored.Rows.Values.Where(row => row.IsRunning != (row == current && row.StoppedAt is null)))
        {
            _violations.Add($"the database says of {row} that it is {(row.IsRunning ? "running" : "stopped")}");
        }

        foreach (var row in _stored.Rows.Values.Where(row => !_history.Operations.Any(one => one.Kind == OperationKind.Start && one.RunId == row.Id)))
        {
            _violations.Add($"nobody started {row}");
        }

        if (_history.NewestVersion > _stored.Version)
        {
            _violations.Add($"version {_history.NewestVersion} was seen, the database is at {_stored.Version}");
        }
    }

    /// <summary>Nothing that was confirmed is lost, whatever the order.</summary>
    private void CheckConfirmed()
    {
        foreach (var operation in _history.Operations.Where(one => one.Outcome == Outcome.Ok && one.MustBeRefusedAs is null))
        {
            if (!_stored.Rows.TryGetValue(operation.RunId, out var row))
            {
                _violations.Add($"lost: {operation}");
            }
            else if (operation.Kind == OperationKind.Stop && !(row.StoppedAt <= Math.Max(operation.StoredAt, row.StartedAt)))
            {
                _violations.Add($"lost: {operation}, the database has {row}");
            }
        }
    }

    private void Search()
    {
        var path = new Stack<(TimerModel Model, Operation? Applied, IEnumerator<(TimerModel, Operation)> Choices)>();
        path.Push((TimerModel.Empty, null, Choices(TimerModel.Empty).GetEnumerator()));
        var furthest = TimerModel.Empty;
        for (var steps = 0; path.Count > 0; steps++)
        {
            var (model, applied, choices) = path.Peek();
            furthest = model.Version > furthest.Version ? model : furthest;
            if (model.Version == _stored.Version && Fits(model) && IsEnd(model))
            {
                return;
            }

            if (steps == StepsMax)
            {
                _violations.Add($"undecided after {steps} steps at version {furthest.Version}");
                return;
            }

            if (model.Version + MissingVersions(model) <= _stored.Version && model.Version < _stored.Version && Fits(model) && choices.MoveNext())
            {
                var (next, operation) = choices.Current;
                if (_tried.Add(_appliedMark ^ _marks[operation]))
                {
                    Toggle(operation);
                    path.Push((next, operation, Choices(next).GetEnumerator()));
                }
            }
            else
            {
                path.Pop();
                if (applied is not null)
                {
                    Toggle(applied);
                }
            }
        }

        _violations.Add($"no order explains version {furthest.Version + 1}, seen as "
            + $"{_history.States.GetValueOrDefault(furthest.Version + 1)}, after {furthest.Current}; "
            + $"the database is at {_stored.Version}; deadlines then: "
            + string.Join("; ", _confirmedBy[furthest.Version].Where(one => !ReferenceEquals(Apply(furthest, one), furthest))));
    }

    private void Toggle(Operation operation)
    {
        if (!_applied.Remove(operation))
        {
            _applied.Add(operation);
        }

        _appliedMark ^= _marks[operation];
    }

    /// <summary>What may have become the next version.</summary>
    private IEnumerable<(TimerModel, Operation)> Choices(TimerModel model)
    {
        var seen = _history.States.GetValueOrDefault(model.Version + 1);
        foreach (var operation in _candidates)
        {
            if (operation.VersionBefore <= model.Version && operation.VersionAfter > model.Version && !_applied.Contains(operation))
            {
                var next = Apply(model, operation);
                if (!ReferenceEquals(next, model) && (seen is null || Shows(seen, next)))
                {
                    yield return (next, operation);
                }
            }
        }
    }

    /// <summary>Whether nothing is overdue: a confirmed command has been stored, or changes nothing any more.</summary>
    private bool Fits(TimerModel model) =>
        _confirmedBy[model.Version].All(one => _applied.Contains(one) || ReferenceEquals(Apply(model, one), model))
        && _unknownTimerAt[model.Version].All(one => !model.Runs.ContainsKey(one.RunId));

    /// <summary>How many it takes at least until the rows are those of the database: whoever has fewer left has gone wrong long ago.</summary>
    private int MissingVersions(TimerModel model) => _stored.Rows.Values.Sum(row =>
    {
        var run = model.Runs.GetValueOrDefault(row.Id);
        return (run is null ? 1 : 0) + (row.StoppedAt is not null && run?.StoppedAt != row.StoppedAt ? 1 : 0);
    });

    private bool IsEnd(TimerModel model) =>
        model.Runs.Count == _stored.Rows.Count
        && _stored.Rows.Values.All(row => model.Runs.TryGetValue(row.Id, out var run) && run == new ModelRun(row.Id, row.StartedAt, row.StoppedAt));

    private static TimerModel Apply(TimerModel model, Operation operation) => operation.Kind == OperationKind.Start
        ? model.Start(operation.RunId, operation.StoredAt)
        : model.Stop(operation.RunId, operation.StoredAt);

    private static bool Shows(State seen, TimerModel model) =>
        seen.Id == model.Current?.Id && seen.StartedAt == model.Current?.StartedAt && seen.StoppedAt == model.Current?.StoppedAt
        && seen.IsRunning == (model.Current is { StoppedAt: null });
}
