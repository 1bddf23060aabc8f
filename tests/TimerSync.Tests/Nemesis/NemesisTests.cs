using TimerSync.Nemesis;

namespace TimerSync.Tests.Nemesis;

/// <summary>The short forms of <c>tests/TimerSync.Nemesis</c>: every kind of fault.</summary>
public sealed class NemesisTests
{
    [Fact]
    public async Task Nothing_is_lost_and_no_screen_lies_while_the_server_is_killed_stopped_filled_and_cut_off()
    {
        var plan = new WavePlan(Histories: 6, Operations: 200, Kills: 3, Seed: Environment.TickCount);

        var result = await Wave.RunAsync(plan);

        TestContext.Current.TestOutputHelper!.WriteLine($"{result}");
        Assert.True(result.Violations.Count == 0, $"seed {plan.Seed}, in full: {result.File}\n{string.Join('\n', result.Violations.Take(10))}");
    }

    [Fact]
    public async Task Nor_with_two_nodes_that_are_killed_and_stopped_deaf_or_without_a_database()
    {
        var faults = new Dictionary<NodeFault, int> { [NodeFault.Kill] = 1, [NodeFault.Restart] = 1, [NodeFault.Cut] = 1, [NodeFault.Pause] = 1 };
        var plan = new PostgresPlan(Histories: 4, faults, Seed: Environment.TickCount)
        {
            Pause = TimeSpan.FromSeconds(4),
            RecoveryMax = TimeSpan.FromSeconds(3 + 3), // the promise is 3 s; the rest is for a machine that runs all other tests meanwhile
        };

        var result = await PostgresWave.RunAsync(plan);

        TestContext.Current.TestOutputHelper!.WriteLine($"{result}");
        Assert.True(result.Violations.Count == 0, $"seed {plan.Seed}, in full: {result.File}\n{string.Join('\n', result.Violations.Take(10))}");
    }
}
