using System.Diagnostics;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, section 3: a connection that reads too slowly may skip versions, never the newest one.</summary>
public sealed class SlowReaderTests
{
    private const int Senders = 4;
    private const int Commands = 600;
    private const int ReceiveBufferBytes = 4096;

    [Fact]
    public async Task A_connection_that_does_not_read_gets_the_newest_version_in_the_end_and_holds_nobody_up()
    {
        await using var server = await TimerSyncServer.StartAsync(("Socket:CommandsPerSecond", "100000"), ("Socket:CommandBurst", "100000"));
        var user = await TestUser.SignUpAsync(server);
        await using var slow = await RawPeer.ConnectAsync(user, ReceiveBufferBytes);
        var senders = await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => user.OpenAsync()));

        // Meanwhile nothing is read from the slow one. All the others hear of everything.
        await Task.WhenAll(senders.Select(async sender =>
        {
            var sending = Task.Run(async () =>
            {
                for (var i = 0; i < Commands; i++)
                {
                    await sender.StartAsync(Guid.NewGuid());
                }
            });
            while ((await sender.ReceiveTimerAsync()).Version < Senders * Commands)
            {
            }

            await sending;
        }));

        var versions = new List<long>();
        do
        {
            versions.Add((await slow.ReceiveEventAsync()).Version);
        }
        while (versions[^1] < Senders * Commands);

        Assert.All(versions.Zip(versions.Skip(1)), pair => Assert.True(pair.First < pair.Second));
        // How many were skipped is up to the buffers of the operating system; that they are skipped: ConnectionTests.
        await slow.SendTextAsync("""{"action":"ping","sent_at":1}"""); // and it is as good as any other again
        Assert.Equal("1", (await slow.ReceiveEventAsync()).SentAt);
        await senders[0].AssertNothingArrivesBeforePongAsync();
        foreach (var sender in senders)
        {
            await sender.DisposeAsync();
        }
    }
}

/// <summary>CONTRACT.md, sections 3 and 6: the heartbeat. Takes its time, beside the other tests.</summary>
public sealed class SilentPeerTests(SharedServer shared)
{
    private static readonly TimeSpan DroppedWithin = TimeSpan.FromSeconds(45);

    [Fact]
    public async Task A_silent_peer_is_dropped_within_45_seconds_and_one_that_answers_pings_is_not()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var answering = await RawPeer.ConnectAsync(user);
        await answering.ReceiveEventAsync();
        await using var silent = await RawPeer.ConnectAsync(user);
        await silent.ReceiveEventAsync();
        await using var halted = await RawPeer.ConnectAsync(user);
        await halted.ReceiveEventAsync();
        await halted.SendHalfATextAsync();
        var clock = Stopwatch.StartNew();
        var ends = Task.WhenAll(PingsUntilEndAsync(silent), PingsUntilEndAsync(halted)); // they hear the pings and say nothing

        while (!ends.IsCompleted)
        {
            var frame = answering.ReceiveFrameAsync();
            if (await Task.WhenAny(frame, ends) == ends)
            {
                Assert.InRange(clock.Elapsed, TimeSpan.Zero, DroppedWithin);
                Assert.All(await ends, pings => Assert.InRange(pings, 2, int.MaxValue));
                await answering.SendTextAsync("""{"action":"ping","sent_at":1}""");
                var next = await frame;
                Assert.NotNull(next); // still there: its answer, or one more ping
                return;
            }

            var (opcode, payload) = (await frame)!.Value;
            Assert.Equal(RawPeer.Ping, opcode);
            await answering.SendFrameAsync(RawPeer.Pong, payload);
        }
    }

    private static async Task<int> PingsUntilEndAsync(RawPeer peer)
    {
        var pings = 0;
        while (await peer.ReceiveFrameAsync() is { } frame)
        {
            Assert.Equal(RawPeer.Ping, frame.Opcode);
            pings++;
        }

        return pings;
    }
}
