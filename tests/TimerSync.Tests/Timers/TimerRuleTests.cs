using FsCheck;
using FsCheck.Fluent;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Timers;

/// <summary>CONTRACT.md, section 3: the one rule that decides every conflict.</summary>
public sealed class TimerRuleTests
{
    private static readonly string SomeUser = Presses.UserOf(0);

    [Fact]
    public void Every_command_is_decided_as_the_contract_says() => Prop.ForAll(Presses.Any, presses =>
    {
        var model = new TimerModel();
        var rule = new FoldedRule();
        foreach (var command in presses.Select(press => press.ToCommand()))
        {
            var expected = model.Press(command);
            var decision = rule.Press(command);

            Assert.Equal(expected, decision.Outcome);
            Assert.Equal(expected == CommandOutcome.Changed, decision.Changed is not null);
            var current = model.CurrentOf(command.UserId);
            Assert.Equal(current?.Id, decision.Current?.Id.ToString());
            Assert.Equal(current?.StartedAt, decision.Current?.StartedAt);
            Assert.Equal(current?.StoppedAt, decision.Current?.StoppedAt);
            Assert.Equal(current is null ? TimerStatus.Stopped : model.StatusOf(current), TimerRule.StatusOf(decision.Current));
            for (var user = 0; user < Presses.Users; user++)
            {
                Assert.Equal(model.Describe(Presses.UserOf(user)), rule.Describe(Presses.UserOf(user)));
            }
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void At_most_one_run_is_running_after_every_command() => Prop.ForAll(Presses.Any, presses =>
    {
        var rule = new FoldedRule();
        foreach (var command in presses.Select(press => press.ToCommand()))
        {
            rule.Press(command);
            Assert.InRange(rule.RunningOf(command.UserId), 0, 1);
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_order_of_arrival_that_keeps_a_stop_after_its_start_leads_to_the_same_state()
    {
        const int CommandsMax = 6; // 720 orders at most
        var some = Arb.From(Presses.InOrder.Generator.Select(presses => presses[..Math.Min(presses.Length, CommandsMax)]), Presses.InOrder.Shrinker);

        Prop.ForAll(some, presses =>
        {
            var states = Presses.Interleavings(presses).Select(order =>
            {
                var rule = new FoldedRule();
                foreach (var press in order)
                {
                    Assert.NotEqual(CommandOutcome.UnknownTimer, rule.Press(press.ToCommand()).Outcome);
                }

                return rule.Describe(SomeUser);
            });
            Assert.Single(states.Distinct(StringComparer.Ordinal));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_stop_never_moves_later_and_a_start_never_moves() => Prop.ForAll(Presses.Any, presses =>
    {
        var rule = new FoldedRule();
        foreach (var command in presses.Select(press => press.ToCommand()))
        {
            var before = rule.Runs.ToDictionary(run => run.Id);
            rule.Press(command);
            foreach (var run in rule.Runs.Where(run => before.ContainsKey(run.Id)))
            {
                var was = before[run.Id];
                Assert.Equal(was.StartedAt, run.StartedAt);
                Assert.True(was.StoppedAt is null || run.StoppedAt <= was.StoppedAt);
                Assert.True(run.StoppedAt is null || run.StoppedAt >= run.StartedAt);
            }
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Commands_that_are_sent_again_in_any_order_change_nothing() => Prop.ForAll(Presses.InOrder, presses =>
    {
        var rule = new FoldedRule();
        foreach (var press in presses)
        {
            rule.Press(press.ToCommand());
        }

        var before = rule.Describe(SomeUser);
        foreach (var press in presses.Concat(presses.Reverse()))
        {
            Assert.Equal(CommandOutcome.Repeated, rule.Press(press.ToCommand()).Outcome);
        }

        Assert.Equal(before, rule.Describe(SomeUser));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_run_ends_at_its_stop_or_at_the_start_of_the_next_one_whichever_is_first() => Prop.ForAll(Presses.InOrder, presses =>
    {
        var model = new TimerModel();
        var rule = new FoldedRule();
        foreach (var press in presses)
        {
            model.Press(press.ToCommand());
            rule.Press(press.ToCommand());
        }

        var runs = rule.Runs.Order(Comparer<Run>.Create(TimerRule.Compare)).ToList();
        var expected = model.RunsOf(SomeUser).Select(model.EndOf);
        Assert.Equal(expected, runs.Select((run, i) => TimerRule.EffectiveEnd(run, runs.ElementAtOrDefault(i + 1))));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Ties_go_to_the_id_whose_lower_case_text_is_greater() => Prop.ForAll<Guid, Guid>((left, right) =>
    {
        var byText = string.CompareOrdinal(left.ToString(), right.ToString());
        var byRule = TimerRule.Compare(Started(left), Started(right));
        Assert.Equal(Math.Sign(byText), Math.Sign(byRule));

        static Run Started(Guid id) => new(id, Presses.Begin, StoppedAt: null, Presses.Begin);
    }).QuickCheckThrowOnFailure();
}
