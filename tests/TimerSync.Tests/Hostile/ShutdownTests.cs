using System.Diagnostics;

namespace TimerSync.Tests.Hostile;

/// <summary>SIGTERM: everybody is told, and what does not listen is cut, well inside the host's ten seconds.</summary>
[Collection(Alone.Name)]
public sealed class ShutdownTests
{
    private const int ServiceRestart = 1012;

    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(9);

    [Fact]
    public async Task Everybody_gets_1012_also_beyond_the_first_wave_and_beside_a_peer_that_never_answers()
    {
        await using var server = await TimerSyncServer.StartAsync(("Socket:ConnectionsPerUser", "1000"));
        var user = await TestUser.SignUpAsync(server);
        var clients = new List<FrameClient>();
        try
        {
            for (var i = 0; i < 700; i++)
            {
                clients.Add(await FrameClient.OpenAsync(user, i % 2 == 0 ? SocketClient.Json : SocketClient.Html));
                await clients[^1].ReceiveAsync();
            }

            var since = Stopwatch.GetTimestamp();
            var stopping = server.StopAsync();
            var codes = await Task.WhenAll(clients.Select(client => client.ReceiveCloseAsync()));
            foreach (var client in clients.Skip(1)) // the first one never answers
            {
                await client.TrySendAsync(Frame.OfClose(ServiceRestart).ToBytes());
            }

            Assert.All(codes, code => Assert.Equal(ServiceRestart, code));
            Assert.Equal(0, await stopping);
            Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, ShutdownMax);
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task A_session_that_was_ended_stays_ended_after_a_crash_and_its_sockets_close_at_once()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var user = await TestUser.SignUpAsync(server);
        await using var client = await FrameClient.OpenAsync(user, SocketClient.Json);
        using var http = user.CreateClient();

        using var answer = await http.PostAsync("/logout", content: null, TestContext.Current.CancellationToken);
        Assert.Equal(4401, await client.ReceiveCloseAsync());
        await server.KillAsync();
        await server.StartAgainAsync();

        using var after = await http.GetAsync("/timers", TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, after.StatusCode);
    }
}
