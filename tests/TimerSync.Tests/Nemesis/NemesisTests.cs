using TimerSync.Nemesis;

namespace TimerSync.Tests.Nemesis;

/// <summary>The short form of <c>tests/TimerSync.Nemesis</c>: every kind of fault a few times.</summary>
public sealed class NemesisTests
{
    [Fact]
    public async Task Nothing_is_lost_and_no_screen_lies_while_the_server_is_killed_stopped_filled_and_cut_off()
    {
        var plan = new WavePlan(Histories: 8, Operations: 250, Kills: 4, Seed: Environment.TickCount);

        var result = await Wave.RunAsync(plan);

        TestContext.Current.TestOutputHelper!.WriteLine($"{result}");
        Assert.True(result.Violations.Count == 0, $"seed {plan.Seed}, in full: {result.File}\n{string.Join('\n', result.Violations.Take(10))}");
    }
}
