using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Connections.Features;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Tests.Realtime;

/// <summary>What the running server has got from Linux.</summary>
public sealed class TimeSliceTests(SharedServer shared)
{
    private const string Slice = "se.slice";
    private const string Policy = "policy";
    private const int Ordinary = 0;
    private const int Batch = 3;

    private const int Crowd = 200;
    private const int CommandsOfEach = 20;

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData("TimerWriter")]
    [InlineData(".NET TP Worker")]
    [InlineData(".NET Sockets")]
    [InlineData("Kestrel Timer")]
    public void A_thread_asks_to_go_on_for_a_tenth_of_a_millisecond(string name)
    {
        SkipUnlessShown();

        Assert.All(ValuesOf(shared.Server, name, Slice), nanoseconds => Assert.Equal(100_000, nanoseconds));
    }

    [Fact]
    public void A_press_waits_for_few_of_the_connections_that_Kestrel_looks_at()
    {
        const int Times = 3;
        var kestrel = new Look();

        for (var i = 0; i < Times * TimeSlice.SocketsToShare; i++)
        {
            TimeSlice.ShareLook(kestrel);
        }

        Assert.Equal(Times, kestrel.Actions.Count);
        kestrel.Actions.ForEach(action => action());
    }

    /// <summary>The writer tells by its commits.</summary>
    [Fact(Timeout = 60_000)]
    public async Task Threads_interrupt_each_other_except_under_a_load_that_fills_commits()
    {
        SkipUnlessShown();
        await using var server = await TimerSyncServer.StartAsync();
        var clients = await Task.WhenAll(Enumerable.Range(0, Crowd).Select(async _ => await (await TestUser.SignUpAsync(server)).ConnectAsync()));
        try
        {
            Assert.All(PoliciesOf(server), policy => Assert.Equal(Ordinary, policy));

            var load = Task.WhenAll(clients.Select(async client =>
            {
                for (var i = 0; i < CommandsOfEach; i++)
                {
                    await client.StartAsync(Guid.NewGuid());
                }

                await ReceiveVersionAsync(client, CommandsOfEach);
            }));
            var underLoad = new HashSet<int>();
            while (!load.IsCompleted)
            {
                underLoad.UnionWith(PoliciesOf(server));
                await Task.Delay(LookInterval, TestContext.Current.CancellationToken);
            }

            await load;
            Assert.Contains(Batch, underLoad);

            while (PoliciesOf(server).Contains(Batch)) // until nothing has come for a moment
            {
                await Task.Delay(LookInterval, TestContext.Current.CancellationToken);
            }

            Assert.All(ValuesOf(server, "TimerWriter", Slice), nanoseconds => Assert.Equal(100_000, nanoseconds));
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    private static void SkipUnlessShown() => Assert.SkipUnless(
        OperatingSystem.IsLinux() && Environment.OSVersion.Version >= new Version(6, 12) && SchedulingOf("/proc/self").Contains(Slice, StringComparison.Ordinal),
        "Linux takes requests for a time slice since 6.12, and shows it only when built with CONFIG_SCHED_DEBUG.");

    private static async Task ReceiveVersionAsync(SocketClient client, int version)
    {
        while ((int)JsonNode.Parse(await client.ReceiveTextAsync())!["payload"]!["version"]! < version)
        {
            // One before, or the state on connecting.
        }
    }

    private static int[] PoliciesOf(TimerSyncServer server) => [.. ValuesOf(server, "TimerWriter", Policy), .. ValuesOf(server, ".NET Sockets", Policy)];

    private static int[] ValuesOf(TimerSyncServer server, string thread, string value)
    {
        var values = Directory.GetDirectories($"/proc/{server.ProcessId}/task")
            .Select(SchedulingOf)
            .Where(lines => lines.StartsWith($"{thread} (", StringComparison.Ordinal))
            .Select(lines => lines.Split('\n').Single(line => line.StartsWith(value, StringComparison.Ordinal)).Split(':')[1])
            .Select(number => int.Parse(number, CultureInfo.InvariantCulture))
            .ToArray();
        Assert.NotEmpty(values);
        return values;
    }

    /// <summary>Empty when the thread has ended meanwhile.</summary>
    private static string SchedulingOf(string thread)
    {
        try
        {
            return File.ReadAllText($"{thread}/sched");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private sealed class Look : IConnectionHeartbeatFeature
    {
        public List<Action> Actions { get; } = [];

        public void OnHeartbeat(Action<object> action, object state) => Actions.Add(() => action(state));
    }
}
