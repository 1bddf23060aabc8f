namespace TimerSync.Nemesis;

/// <summary>
/// Whether there is one order of a user's commands that the model allows and that explains everything: each version is one
/// command; its state is what everybody saw at that version; each command lies between what was known before it was sent and
/// what its sender knew when it was confirmed; a confirmed one is stored with its own time, a refused one is not; one without
/// an answer may be in it or not; and the end of it is what the database holds.
/// </summary>
internal sealed class HistoryChecker
{
    /// <summary>Clocks are read to the millisecond, at both ends.</summary>
    private const long ClockReadingError = 5;

    private readonly History _history;
    private readonly StoredTimer _stored;
    private readonly List<string> _violations;

    private HistoryChecker(History history, StoredTimer stored)
    {
        _history = history;
        _stored = stored;
        _violations = [.. history.Violations];
        foreach (var operation in history.Operations)
        {
            ResolveTime(operation);
        }
    }

    /// <returns>What is wrong; nothing when all is well.</returns>
    public static IReadOnlyList<string> Check(History history, StoredTimer stored)
    {
        var checker = new HistoryChecker(history, stored);
        checker.CheckRows();
        checker.CheckConfirmed();
        if (checker._violations.Count == 0 && new OrderSearch(history, stored).WhyNone() is { } why)
        {
            checker._violations.Add(why);
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
}
