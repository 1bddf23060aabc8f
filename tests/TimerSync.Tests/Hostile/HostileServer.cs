using System.Globalization;
using TimerSync.Tests.Hostile;

[assembly: AssemblyFixture(typeof(HostileServer))]

namespace TimerSync.Tests.Hostile;

/// <summary>
/// A server that is only ever attacked: by one user who sends nonsense, beside one who does not and must never notice. An
/// error in its log fails the run.
/// </summary>
public sealed class HostileServer : IAsyncLifetime
{
    public TimerSyncServer Server { get; private set; } = null!;

    public TestUser Attacker { get; private set; } = null!;

    private TestUser Bystander { get; set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await TimerSyncServer.StartAsync(
            ("Socket:CommandsPerSecond", "1000000"), ("Socket:CommandBurst", "1000000"), ("Socket:ConnectionsPerUser", "10000"));
        Attacker = await TestUser.SignUpAsync(Server);
        Bystander = await TestUser.SignUpAsync(Server);
    }

    /// <summary>Somebody else connects, starts a timer, and stops it.</summary>
    public async Task AssertServesOthersAsync()
    {
        await using var client = await Bystander.ConnectAsync();
        await client.ReceiveAsync("timer_updated");
        var id = Guid.NewGuid();
        await client.StartAsync(id);
        while ((string?)(await client.ReceiveAsync("timer_updated"))["id"] != id.ToString("D", CultureInfo.InvariantCulture))
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(0, await Server.StopAsync());
        Assert.DoesNotContain(Server.Log, line =>
            line.StartsWith("fail:", StringComparison.Ordinal) || line.StartsWith("crit:", StringComparison.Ordinal));
        await Server.DisposeAsync();
    }
}
