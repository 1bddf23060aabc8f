using TimerSync.Simulation;

namespace TimerSync.Tests.Simulation;

/// <summary>
/// The short form of <c>tests/TimerSync.Simulation</c>: the promises of CONTRACT.md, section 3, under every trouble that a
/// seed can think of. What is checked after each step is in its <c>Judge</c>.
/// </summary>
public sealed class SimulationTests
{
    private const int Seeds = 200;
    private const int SeedsOnSqlite = 10;
    private const int Interleavings = 1000;

    [Fact]
    public void Whatever_happens_no_press_is_lost_and_no_connection_is_told_what_is_not_durable()
    {
        var (counts, failed) = TimerSync.Simulation.Seeds.RunMany(from: 0, Seeds, StoreKind.Memory);

        Assert.Null(failed);
        Assert.All(typeof(Counts).GetProperties(), count => Assert.True((long)count.GetValue(counts)! > 0, $"{count.Name} never happened"));
    }

    [Fact]
    public void The_same_holds_on_the_real_store()
    {
        var (_, failed) = TimerSync.Simulation.Seeds.RunMany(from: 0, SeedsOnSqlite, StoreKind.Sqlite);

        Assert.Null(failed);
    }

    [Fact]
    public void A_store_that_reports_commits_before_they_are_synced_is_caught()
    {
        var (_, failed) = TimerSync.Simulation.Seeds.RunMany(from: 0, Seeds, StoreKind.WithoutSync);

        Assert.Contains("was told of version", failed?.Violation, StringComparison.Ordinal);
    }

    [Fact]
    public void A_seed_always_leads_to_the_same_run()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            Assert.Equal(
                TimerSync.Simulation.Seeds.Run(seed, StoreKind.Memory).Digest, TimerSync.Simulation.Seeds.Run(seed, StoreKind.Memory).Digest);
        }
    }

    [Fact]
    public void Three_devices_end_in_the_same_state_whatever_the_order()
    {
        Assert.Null(ThreeDevices.RunMany(from: 0, Interleavings));
    }
}
