using System.Text.Json.Nodes;

namespace TimerSync.Tests.Postgres;

/// <summary>Two nodes on one database; several tests share them, each with a user of its own.</summary>
public sealed class TwoNodes : IAsyncLifetime
{
    public TimerSyncServer First { get; private set; } = null!;

    public TimerSyncServer Second { get; private set; } = null!;

    public string Database { get; private set; } = null!;

    /// <summary>Both start at once: one makes the schema, the other waits for it.</summary>
    public async ValueTask InitializeAsync()
    {
        Database = await (await PostgresCluster.Shared).CreateDatabaseAsync();
        var nodes = await Task.WhenAll(Nodes.StartAsync(Database), Nodes.StartAsync(Database));
        (First, Second) = (nodes[0], nodes[1]);
    }

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
        await (await PostgresCluster.Shared).DropDatabaseAsync(Database);
    }
}

/// <summary>What tests of several nodes do.</summary>
public static class Nodes
{
    public static Task<TimerSyncServer> StartAsync(string connectionString) =>
        TimerSyncServer.StartAsync([.. TestEngine.Postgres(connectionString), ("Login:FailuresPerAddress", "100000"),
            ("Socket:CommandsPerSecond", "10000"), ("Socket:CommandBurst", "10000")]);

    /// <summary>The same person's same token, on another node.</summary>
    public static TestUser On(this TestUser user, TimerSyncServer node) => user with { Server = node };

    /// <summary>Reads events until one has this version.</summary>
    /// <returns>Its payload.</returns>
    public static async Task<JsonNode> ReceiveVersionAsync(this SocketClient client, long version)
    {
        var last = -1L;
        while (true)
        {
            var timer = await client.ReceiveAsync("timer_updated");
            var received = (long)timer["version"]!;
            Assert.True(received > last, $"Version {received} after {last}.");
            if (received >= version)
            {
                Assert.Equal(version, received);
                return timer;
            }

            last = received;
        }
    }

    public static async Task<int> ReadinessAsync(this TimerSyncServer node)
    {
        using var client = node.CreateClient();
        using var answer = await client.GetAsync("/readyz", TestContext.Current.CancellationToken);
        return (int)answer.StatusCode;
    }

    /// <summary>Asks again and again, for at most <paramref name="limit"/>.</summary>
    public static async Task EventuallyAsync(TimeSpan limit, Func<Task<bool>> isTrue)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(limit);
        while (!await isTrue())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), timeout.Token);
        }
    }
}
