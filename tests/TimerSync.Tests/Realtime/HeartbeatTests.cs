using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Tests.Realtime;

/// <summary>CONTRACT.md, section 3: who is pinged, and who is cut. The same with the real clock: <see cref="SyncSocket.SilentPeerTests"/>.</summary>
public sealed class HeartbeatTests : IDisposable
{
    private const int LooksBeforeAnyPing = 4;
    private const int LooksBeforeCut = 7;
    private const int LooksBeforeEveryPing = 6;
    private const int Crowd = 300;

    private static readonly byte[] s_ping = [0x89, 0];
    private static readonly byte[] s_pongAndText = [0x8A, 0x80, 0, 0, 0, 0, 0x81, 0x81, 0, 0, 0, 0, (byte)'x']; // masked with zeros
    private static readonly byte[] s_close = [0x88, 2, 1000 >> 8, 1000 & 0xFF];
    private static readonly byte[] s_frame = [0x81, 1, (byte)'y'];

    private readonly ManualClock _clock = new();
    private readonly Heartbeat _heartbeat;
    private readonly List<IDisposable> _open = [];

    public HeartbeatTests() => _heartbeat = new Heartbeat(_clock, NullLogger<Heartbeat>.Instance);

    public void Dispose()
    {
        _open.ForEach(one => one.Dispose());
        _heartbeat.Dispose();
    }

    [Fact]
    public async Task An_idle_peer_is_pinged_and_one_that_stays_silent_is_cut()
    {
        var (socket, peer) = await ConnectAsync();
        var receiving = socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken);

        await LookAsync(LooksBeforeAnyPing);
        Assert.Equal(0, peer.Available);
        await LookAsync(LooksBeforeCut - LooksBeforeAnyPing);
        Assert.Equal(WebSocketState.Open, socket.State);
        await LookAsync(1);
        Assert.Equal(WebSocketState.Aborted, socket.State);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
        var heard = new MemoryStream();
        await peer.GetStream().CopyToAsync(heard, TestContext.Current.CancellationToken);
        var pings = heard.ToArray().Chunk(s_ping.Length).ToList();
        Assert.InRange(pings.Count, 2, 4);
        Assert.All(pings, ping => Assert.Equal(s_ping, ping));
    }

    [Fact]
    public async Task A_sign_of_life_is_enough_for_as_long_again()
    {
        var (socket, peer) = await ConnectAsync();
        for (var i = 0; i < 3; i++)
        {
            var receiving = socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken);
            await LookAsync(LooksBeforeCut);
            await peer.GetStream().WriteAsync(s_pongAndText, TestContext.Current.CancellationToken);
            Assert.Equal(1, (await receiving).Count);
        }

        var last = socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken);
        await LookAsync(LooksBeforeCut);
        Assert.Equal(WebSocketState.Open, socket.State);
        await LookAsync(1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => last);
    }

    /// <summary>Otherwise the 10,000 that came back within seconds after a restart would be pinged within seconds for ever.</summary>
    [Fact]
    public async Task Those_who_came_together_are_not_pinged_together()
    {
        var sent = WatchCrowd();

        await LookAsync(LooksBeforeAnyPing + 1);
        Assert.InRange(sent.Count(one => one.Length > 0), Crowd / 3, Crowd * 2 / 3); // a half, give or take six standard deviations
        await LookAsync(LooksBeforeEveryPing - LooksBeforeAnyPing - 1);
        Assert.All(sent, one => Assert.NotEqual(0, one.Length));
    }

    /// <summary>As after a pause of the process.</summary>
    [Fact]
    public async Task When_all_are_due_at_once_a_round_looks_at_a_few_of_them()
    {
        var sent = WatchCrowd();

        await LookAsync(LooksBeforeEveryPing - 1);
        sent.ForEach(one => one.SetLength(0));
        _clock.Advance(10 * Heartbeat.LookInterval);

        Assert.Equal(TimeSpan.Zero, await _heartbeat.LookRoundAsync());
        Assert.InRange(sent.Count(one => one.Length > 0), 1, Crowd / 50);
    }

    /// <summary>The thread pool is such a queue; a press that waits in it waits for one peer, not for a round.</summary>
    [Fact]
    public async Task What_waits_goes_before_the_next_peer()
    {
        var sent = WatchCrowd();
        await LookAsync(LooksBeforeEveryPing - 1);
        sent.ForEach(one => one.SetLength(0));
        _clock.Advance(Heartbeat.LookInterval);

        var queue = new WorkQueue();
        ValueTask<TimeSpan> round = default;
        queue.Run(() => round = _heartbeat.LookRoundAsync());

        var pinged = 1;
        for (; !round.IsCompleted; pinged++)
        {
            Assert.Equal(pinged, sent.Count(one => one.Length > 0));
            queue.RunNext();
        }

        Assert.InRange(pinged, 3, Crowd);
        Assert.Equal(TimeSpan.Zero, await round);
    }

    /// <summary>To let others go first costs more than to look at a peer, which needs nothing most of the time.</summary>
    [Fact]
    public void A_round_that_pings_nobody_is_done_at_once()
    {
        WatchCrowd();
        _clock.Advance(Heartbeat.LookInterval);

        var queue = new WorkQueue();
        ValueTask<TimeSpan> round = default;
        queue.Run(() => round = _heartbeat.LookRoundAsync());

        Assert.True(round.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Nothing_follows_a_close_frame()
    {
        var (socket, peer) = await ConnectAsync();
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        await LookAsync(LooksBeforeCut);
        socket.Abort();

        var heard = new MemoryStream();
        await peer.GetStream().CopyToAsync(heard, TestContext.Current.CancellationToken);
        Assert.Equal(s_close, heard.ToArray());
    }

    [Fact]
    public async Task A_ping_never_breaks_into_a_frame()
    {
        var (peer, transport) = Blocked();
        var write = peer.WriteAsync(s_frame, TestContext.Current.CancellationToken);
        Assert.False(write.IsCompleted);

        peer.Ping(); // is left out: what is there already is not taken
        await AssertReadAsync(transport, s_frame);
        await write;

        peer.Ping();
        await AssertReadAsync(transport, s_ping);
    }

    [Fact]
    public async Task A_frame_waits_for_the_ping_before_it()
    {
        var (peer, transport) = Blocked();
        peer.Ping();
        var write = peer.WriteAsync(s_frame, TestContext.Current.CancellationToken);
        peer.Ping(); // is left out

        await AssertReadAsync(transport, s_ping);
        await AssertReadAsync(transport, s_frame);
        await write;
    }

    /// <summary>What the socket does not take at once follows through the transport, and the next frame after it.</summary>
    [Fact]
    public async Task Frames_that_do_not_fit_in_the_socket_arrive_whole_and_in_order()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var far = new TcpClient();
        await far.ConnectAsync((IPEndPoint)listener.LocalEndpoint, TestContext.Current.CancellationToken);
        using var near = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await using var transport = near.GetStream();
        near.Client.Blocking = false;
        await using var peer = new PeerStream(transport, near.Client);
        var frames = Enumerable.Range(0, 40).Select(i => Enumerable.Repeat((byte)i, 1 + (i * 20_000)).ToArray()).ToList();

        var waited = 0;
        var writing = Task.Run(async () =>
        {
            foreach (var frame in frames)
            {
                var write = peer.WriteAsync(frame, TestContext.Current.CancellationToken);
                waited += write.IsCompleted ? 0 : 1;
                await write;
            }

            near.Client.Shutdown(SocketShutdown.Send);
        }, TestContext.Current.CancellationToken);

        var heard = new MemoryStream();
        await far.GetStream().CopyToAsync(heard, TestContext.Current.CancellationToken);
        await writing;
        Assert.InRange(waited, 1, frames.Count - 1); // some did not fit, and some did
        Assert.True(heard.ToArray().AsSpan().SequenceEqual(frames.SelectMany(frame => frame).ToArray()));
    }

    [Fact]
    public async Task A_peer_that_is_gone_before_the_upgrade_ends_is_heard_of_by_whoever_writes()
    {
        var gone = new Socket(SocketType.Stream, ProtocolType.Tcp);
        gone.Dispose();

        await using var peer = await new PeerUpgrade(new Upgrade(), gone).UpgradeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => peer.WriteAsync(s_frame, TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public async Task One_that_has_ended_is_let_go()
    {
        var transport = new MemoryStream();
        var peer = new PeerStream(transport);
        var socket = Watch(peer);

        socket.Dispose();
        await LookAsync(LooksBeforeCut + 1);

        Assert.True(peer.IsEnded);
        Assert.False(transport.CanWrite); // disposed of too
        Assert.Equal(Heartbeat.LookInterval, await _heartbeat.LookRoundAsync()); // and nobody is watched any more
    }

    private async Task LookAsync(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _clock.Advance(Heartbeat.LookInterval);
            var rounds = 0;
            while (await _heartbeat.LookRoundAsync() == TimeSpan.Zero)
            {
                Assert.InRange(++rounds, 1, Crowd);
            }
        }
    }

    private WebSocket Watch(PeerStream peer)
    {
        var socket = WebSocket.CreateFromStream(peer, new WebSocketCreationOptions { IsServer = true });
        _open.Add(socket);
        _heartbeat.Watch(peer, socket);
        return socket;
    }

    /// <returns>What is sent to each of them.</returns>
    private List<MemoryStream> WatchCrowd()
    {
        var sent = Enumerable.Range(0, Crowd).Select(_ => new MemoryStream()).ToList();
        sent.ForEach(one => Watch(new PeerStream(one)));
        return sent;
    }

    private async Task<(WebSocket Socket, TcpClient Peer)> ConnectAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, TestContext.Current.CancellationToken);
        var server = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var socket = Watch(new PeerStream(server.GetStream()));
        _open.AddRange([server, client]);
        return (socket, client);
    }

    /// <summary>Like a connection whose buffers are full: a write is done when all has been read.</summary>
    private static (PeerStream Peer, PipeReader Transport) Blocked()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        return (new PeerStream(pipe.Writer.AsStream()), pipe.Reader);
    }

    private static async Task AssertReadAsync(PipeReader transport, byte[] expected)
    {
        var read = await transport.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal(expected, System.Buffers.BuffersExtensions.ToArray(read.Buffer));
        transport.AdvanceTo(read.Buffer.End);
    }

    private sealed class Upgrade : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => true;

        public Task<Stream> UpgradeAsync() => Task.FromResult(Stream.Null);
    }

    /// <summary>Work that goes on, one piece at a time.</summary>
    private sealed class WorkQueue : SynchronizationContext
    {
        private readonly Queue<Action> _work = new();

        public override void Post(SendOrPostCallback callback, object? state) => _work.Enqueue(() => callback(state));

        public void RunNext() => Run(_work.Dequeue());

        public void Run(Action action)
        {
            var before = Current;
            SetSynchronizationContext(this);
            try
            {
                action();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }
    }
}
