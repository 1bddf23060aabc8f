namespace TimerSync.Tests.Hostile;

/// <summary>More than the server can carry. That takes all of the machine: alone, or other tests would be late.</summary>
[Collection(Alone.Name)]
public sealed class OverloadTests
{
    private const int Senders = 40;
    private const int Commands = 20;

    private static readonly TimeSpan ToldWithin = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Each within his rate, and all together more than the server can carry. Held up by TCP alone, nobody would know.</summary>
    [Fact]
    public async Task Who_sends_more_than_the_server_can_carry_is_told_so_and_who_does_not_is_served()
    {
        await using var server = await TimerSyncServer.StartAsync(
            ("Socket:CommandsPerSecond", "1000000"), ("Socket:CommandBurst", "20"), ("Database:CommandsPerCommit", "1"));
        var users = new List<TestUser>();
        for (var i = 0; i < Senders; i++)
        {
            users.Add(await TestUser.SignUpAsync(server));
        }

        await using var other = await (await TestUser.SignUpAsync(server)).ConnectAsync();
        await other.ReceiveAsync("timer_updated");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var (refused, closed) = (new TaskCompletionSource<string>(), new TaskCompletionSource<int>());

        var pressing = Task.WhenAll(users.Select(user => PressWithoutEndAsync(user, refused, closed, ended.Token)));
        var text = await refused.Task.WaitAsync(ToldWithin, Cancellation);
        var code = await closed.Task.WaitAsync(ToldWithin, Cancellation);
        for (var i = 0; i < Commands; i++)
        {
            await other.StartAsync(Guid.NewGuid());
            await other.ReceiveAsync("timer_updated"); // not refused
        }

        await ended.CancelAsync();
        await pressing;

        Assert.Contains("More than the server can carry", text, StringComparison.Ordinal);
        Assert.Equal(4429, code);
    }

    /// <summary>Starts as fast as the network takes them, on one connection after the other.</summary>
    private static async Task PressWithoutEndAsync(
        TestUser user, TaskCompletionSource<string> refused, TaskCompletionSource<int> closed, CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            await using var client = await FrameClient.OpenAsync(user, SocketClient.Json);
            await using var aborted = ended.Register(client.Abort); // held up by TCP, it would wait in a send
            var reading = ReadAsync(client);
            while (!ended.IsCancellationRequested && !reading.IsCompleted && await client.TrySendAsync(
                Frame.OfText($$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}"}""").ToBytes()))
            {
            }

            await reading;
        }

        async Task ReadAsync(FrameClient client)
        {
            while (await client.ReceiveAsync() is { } frame)
            {
                if (frame.Opcode == Frame.Close)
                {
                    closed.TrySetResult((frame.Payload[0] << 8) | frame.Payload[1]);
                    return;
                }

                if (frame.AsText.Contains("rate_limited", StringComparison.Ordinal))
                {
                    refused.TrySetResult(frame.AsText);
                }
            }
        }
    }
}
