using FsCheck;
using FsCheck.Fluent;
using TimerSync.Infrastructure.Timers;
using TimerSync.Simulation.Model;

namespace TimerSync.Tests.Simulation;

/// <summary>The model agrees with the contract's own sentences, and the server's rule with the model.</summary>
public sealed class ModelTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Few runs and few moments, so that they meet. Negative numbers stop.</summary>
    private static Arbitrary<(int Run, int Second, bool IsStart)[]> Presses { get; } = ArbMap.Default
        .GeneratorFor<(int, int, bool)>()
        .Select(press => (Math.Abs(press.Item1 % 4), Math.Abs(press.Item2 % 5), press.Item3))
        .ArrayOf()
        .ToArbitrary();

    [Fact]
    public void The_rule_of_the_server_answers_as_the_model_does() => Prop.ForAll(Presses, presses =>
    {
        var model = TimerModel.Empty;
        var stored = new Dictionary<Guid, Run>();
        foreach (var (number, second, isStart) in presses)
        {
            var (id, at) = (Id(number), Noon.AddSeconds(second));
            var current = stored.Values.Order(Comparer<Run>.Create(TimerRule.Compare)).LastOrDefault();
            var existing = stored.TryGetValue(id, out var run) ? new StoredRun("u", run) : null;
            var decision = TimerRule.Decide(new TimerCommand(isStart ? TimerAction.Start : TimerAction.Stop, "u", id, at), existing, current, Noon);
            (var outcome, model) = isStart ? model.Start(id, at) : model.Stop(id, at);
            if (decision.Changed is { } changed)
            {
                stored[changed.Id] = changed;
            }

            var read = model.Read();
            Assert.Equal(outcome.ToString(), decision.Outcome.ToString());
            Assert.Equal((read.Id, read.StartedAt, read.StoppedAt), (decision.Current?.Id, decision.Current?.StartedAt, decision.Current?.StoppedAt));
            Assert.Equal(read.IsRunning, TimerRule.StatusOf(decision.Current) == TimerStatus.Running);
        }

        var inOrder = stored.Values.Order(Comparer<Run>.Create(TimerRule.Compare)).ToList();
        for (var i = 0; i < inOrder.Count; i++)
        {
            var next = i + 1 < inOrder.Count ? inOrder[i + 1] : null;
            Assert.Equal(model.EffectiveEnds()[inOrder[i].Id], TimerRule.EffectiveEnd(inOrder[i], next));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_repeat_changes_nothing() => Prop.ForAll(Presses, presses =>
    {
        var model = presses.Aggregate(TimerModel.Empty, (before, press) => Apply(before, press));
        var starts = presses.Where(press => press.IsStart).ToList();

        Assert.All(starts, start => Assert.Same(model, Apply(model, start)));
        foreach (var stop in presses.Where(press => !press.IsStart))
        {
            var stopped = Apply(model, stop);
            Assert.Same(stopped, Apply(stopped, stop));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void At_most_one_run_has_no_end_and_it_is_the_current_one() => Prop.ForAll(Presses, presses =>
    {
        var model = presses.Aggregate(TimerModel.Empty, (before, press) => Apply(before, press));

        var running = model.EffectiveEnds().Where(end => end.Value is null).Select(end => (Guid?)end.Key).ToList();

        Assert.Equal(model.Read().IsRunning ? [model.Read().Id] : [], running);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Of_two_runs_that_start_together_the_greater_id_is_current()
    {
        var model = TimerModel.Empty.Start(Id(9), Noon).After.Start(Id(10), Noon).After;

        Assert.Equal(Id(10), model.Read().Id);
        Assert.Equal(Noon, model.EffectiveEnds()[Id(9)]);
    }

    [Theory]
    [InlineData(null, null, 0)]      // left out: the server's now
    [InlineData(-60, null, -60)]
    [InlineData(60, null, 0)]        // in the future
    [InlineData(-60, -2, -60)]       // a clock that is 2 s off is left alone
    [InlineData(-3660, -3600, -60)]  // one that is an hour behind
    [InlineData(3540, 3600, -60)]    // and one that is an hour ahead
    [InlineData(-604_800, null, -604_800)]
    [InlineData(-604_801, null, null)] // more than 7 days back
    public void A_press_has_the_moment_that_the_contract_gives_it(int? pressedAt, int? sentAt, int? expected)
    {
        DateTimeOffset? Moment(int? seconds) => seconds is { } number ? Noon.AddSeconds(number) : null;

        Assert.Equal(Moment(expected), PressTime.Of(Moment(pressedAt), Moment(sentAt), Noon));
    }

    private static TimerModel Apply(TimerModel model, (int Run, int Second, bool IsStart) press) => press.IsStart
        ? model.Start(Id(press.Run), Noon.AddSeconds(press.Second)).After
        : model.Stop(Id(press.Run), Noon.AddSeconds(press.Second)).After;

    private static Guid Id(int number) => new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)number);
}
