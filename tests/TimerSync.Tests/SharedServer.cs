using TimerSync.Tests;

[assembly: AssemblyFixture(typeof(SharedServer))]

namespace TimerSync.Tests;

/// <summary>
/// One server for all tests that need no setting of their own; each test uses a user of its own, so that all run in
/// parallel. An error in its log that no test asked for fails the run.
/// </summary>
public sealed class SharedServer : IAsyncLifetime
{
    public TimerSyncServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Server = await TimerSyncServer.StartAsync(("Login:FailuresPerAddress", "100000"));

    public async ValueTask DisposeAsync()
    {
        await Server.StopAsync();
        var errors = Server.Log.Where(line => line.StartsWith("fail:", StringComparison.Ordinal) || line.StartsWith("crit:", StringComparison.Ordinal));
        Assert.Empty(errors);
        await Server.DisposeAsync();
    }
}
