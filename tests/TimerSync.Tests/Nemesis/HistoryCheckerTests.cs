using TimerSync.Nemesis;

namespace TimerSync.Tests.Nemesis;

/// <summary>The checker finds what it is for: a run without a violation says nothing unless a lie would have been seen.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly Guid First = new("00000000-0000-4000-8000-000000000001");
    private static readonly Guid Second = new("00000000-0000-4000-8000-000000000002");

    private readonly History _history = new("u_1");
    private readonly Dictionary<Guid, StoredRow> _rows = [];

    [Fact]
    public void A_history_as_it_should_be_is_accepted()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        Confirm(Press(OperationKind.Stop, First, 200), 2);
        See(2, First, 100, 200);
        Store(First, 100, 200, isRunning: false);

        Assert.Empty(Check(version: 2));
    }

    [Fact]
    public void A_confirmed_press_that_is_not_in_the_database_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        Confirm(Press(OperationKind.Stop, First, 200), 2);
        Store(First, 100, null, isRunning: true);

        Assert.Contains(Check(version: 1), violation => violation.StartsWith("lost", StringComparison.Ordinal));
    }

    [Fact]
    public void A_press_that_is_stored_twice_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        Store(First, 100, null, isRunning: true);

        Assert.NotEmpty(Check(version: 2));
    }

    [Fact]
    public void A_press_without_an_answer_may_be_stored_or_not()
    {
        Press(OperationKind.Start, First, 100);
        Assert.Empty(Check(version: 0));

        Store(First, 100, null, isRunning: true);
        Assert.Empty(Check(version: 1));
    }

    [Fact]
    public void A_refused_press_that_is_stored_all_the_same_is_found()
    {
        _history.Refuse(Press(OperationKind.Start, First, 100), "unavailable");
        Store(First, 100, null, isRunning: true);

        Assert.NotEmpty(Check(version: 1));
    }

    [Fact]
    public void Of_a_press_that_was_refused_another_copy_may_be_stored_when_it_has_no_answer()
    {
        var press = Press(OperationKind.Start, First, 100);
        press.HasUnansweredCopy = true;
        _history.Refuse(press, "unavailable");
        Store(First, 100, null, isRunning: true);

        Assert.Empty(Check(version: 1));
    }

    [Fact]
    public void An_event_of_what_never_was_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        See(2, First, 100, 150);
        Store(First, 100, null, isRunning: true);

        Assert.NotEmpty(Check(version: 1));
    }

    [Fact]
    public void One_version_with_two_states_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        See(1, First, 101, null);
        Store(First, 100, null, isRunning: true);

        Assert.NotEmpty(Check(version: 1));
    }

    [Fact]
    public void A_stale_snapshot_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        See(0, null, null, null, atLeast: 1);
        Store(First, 100, null, isRunning: true);

        Assert.NotEmpty(Check(version: 1));
    }

    [Fact]
    public void A_press_that_took_effect_after_it_was_confirmed_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        var stop = Press(OperationKind.Stop, First, 200);
        See(1, First, 100, null);
        Confirm(stop, 1); // its sender had seen version 1 only, which is without it
        See(2, First, 100, 200);
        Store(First, 100, 200, isRunning: false);

        Assert.NotEmpty(Check(version: 2));
    }

    [Fact]
    public void A_stop_that_was_confirmed_before_its_start_was_stored_is_found()
    {
        Press(OperationKind.Start, First, 100);
        var (early, late) = (Press(OperationKind.Stop, First, 200), Press(OperationKind.Stop, First, 200));
        Confirm(early, 0); // of a run that was not there yet: it had to be refused
        Confirm(late, 2);
        Store(First, 100, 200, isRunning: false);

        Assert.NotEmpty(Check(version: 2));
    }

    [Fact]
    public void Order_by_arrival_instead_of_the_rule_is_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        See(1, First, 100, null);
        Confirm(Press(OperationKind.Start, Second, 50), 2); // pressed earlier, sent later
        See(2, Second, 50, null);
        Store(First, 100, null, isRunning: false);
        Store(Second, 50, null, isRunning: true);

        Assert.NotEmpty(Check(version: 2));
    }

    [Fact]
    public void An_order_is_found_where_the_nearest_is_wrong_each_time()
    {
        const int Runs = 20;
        var ids = Enumerable.Range(1, Runs).Select(n => new Guid($"00000000-0000-4000-8000-{n:d12}")).ToArray();
        Array.ForEach(ids, id => Confirm(Press(OperationKind.Start, id, 100), Runs));
        foreach (var id in ids)
        {
            // Under way together: had the later one come first, it would have made a version of its own, and there is none.
            Confirm(Press(OperationKind.Stop, id, 300), 2 * Runs);
            Confirm(Press(OperationKind.Stop, id, 200), 2 * Runs);
            Store(id, 100, 200, isRunning: false);
        }

        Assert.Empty(Check(version: 2 * Runs));
    }

    [Fact]
    public void Two_running_are_found()
    {
        Confirm(Press(OperationKind.Start, First, 100), 1);
        Confirm(Press(OperationKind.Start, Second, 200), 2);
        Store(First, 100, null, isRunning: true);
        Store(Second, 200, null, isRunning: true);

        Assert.NotEmpty(Check(version: 2));
    }

    private Operation Press(OperationKind kind, Guid run, long at)
    {
        var operation = _history.Add("device", kind, run, at);
        _history.Invoke(operation);
        return operation;
    }

    private void Confirm(Operation operation, long version) => _history.Confirm(operation, version);

    private void See(long version, Guid? id, long? startedAt, long? stoppedAt, long atLeast = 0) => _history.See(
        "connection", new Snapshot("u_1", "epoch", version, new State(id, id is not null && stoppedAt is null, startedAt, stoppedAt, UpdatedAt: null)), atLeast);

    private void Store(Guid id, long startedAt, long? stoppedAt, bool isRunning) => _rows[id] = new StoredRow(id, isRunning, startedAt, stoppedAt);

    private IReadOnlyList<string> Check(long version) => HistoryChecker.Check(_history, new StoredTimer(version, _rows));
}
