using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Realtime;

/// <summary>CONTRACT.md, section 3: the bounded queue of one connection, over a real TCP connection with small buffers.</summary>
public sealed class ConnectionTests : IAsyncLifetime
{
    private const string UserId = "u_1";
    private const int SocketBufferBytes = 4096;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly DateTimeOffset Now = new(2025, 9, 15, 20, 15, 0, TimeSpan.Zero);
    private static readonly Guid Run = Guid.Parse("6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d");

    private readonly List<IDisposable> _open = [];
    private readonly CancellationTokenSource _limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly JsonSubprotocol _json = new();

    public ValueTask InitializeAsync()
    {
        _limit.CancelAfter(Limit);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _open.ForEach(one => one.Dispose());
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_version_that_is_not_newer_is_never_sent()
    {
        var (connection, peer) = await ConnectAsync();

        connection.Open(Timer(3));
        foreach (var version in new[] { 2, 3, 1, 4, 4, 5 })
        {
            connection.Publish(Timer(version));
        }

        connection.Answer(new Pong("1", Now));
        Assert.Equal(["3", "4", "5", "pong"], await ReadToPongAsync(peer));
    }

    [Theory]
    [InlineData(1, new[] { "2", "3", "pong" })]
    [InlineData(3, new[] { "3", "pong" })]
    public async Task Nothing_is_sent_before_the_first_snapshot_and_nothing_that_is_older(int published, string[] expected)
    {
        var (connection, peer) = await ConnectAsync();

        connection.Publish(Timer(published)); // registered, not yet read: may be late news of a node that stood still
        connection.Open(Timer(2));
        connection.Publish(Timer(3));
        connection.Answer(new Pong("1", Now));

        Assert.Equal(expected, await ReadToPongAsync(peer));
    }

    [Fact]
    public async Task A_repeat_is_answered_with_its_state_or_by_a_newer_one_sent_since_it_was_decided()
    {
        var (connection, peer) = await ConnectAsync();

        connection.Open(Timer(7));
        connection.Answer(Timer(6)); // decided before version 7, answered after it
        connection.Publish(Timer(8));
        connection.Answer(Timer(8));
        connection.Answer(new Pong("1", Now));

        Assert.Equal(["7", "8", "8", "pong"], await ReadToPongAsync(peer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_slow_consumer_skips_versions_but_never_the_newest_and_keeps_all_answers_in_order(bool here)
    {
        const int Versions = 5000;
        const int Answers = Connection.AnswersQueuedMax;
        var (connection, peer) = await ConnectAsync();

        connection.Open(Timer(0));
        for (var version = 1; version <= Versions; version++)
        {
            connection.Publish(Timer(version), here);
            if (version % (Versions / Answers) == 0)
            {
                connection.Answer(new ErrorEvent(new CommandError("bad_request", version.ToString(System.Globalization.CultureInfo.InvariantCulture), null, null)));
            }
        }

        connection.Answer(new Pong("1", Now));
        var read = await ReadToPongAsync(peer);

        var timers = read.Where(one => char.IsAsciiDigit(one[0])).Select(Number).ToList();
        Assert.Equal(Versions, timers[^1]);
        Assert.All(timers.Zip(timers.Skip(1)), pair => Assert.True(pair.First < pair.Second));
        Assert.True(timers.Count < Versions / 2, $"{timers.Count} of {Versions} versions were kept for a reader that did not read.");

        var answers = read.Where(one => one.StartsWith("error ", StringComparison.Ordinal)).Select(one => Number(one[6..])).ToList();
        Assert.Equal(Enumerable.Range(1, Answers).Select(i => i * (Versions / Answers)), answers);
        // An answer may confirm a command: what that changed, or something newer, is there before it.
        Assert.All(answers, answer => Assert.Contains(
            read.Take(read.IndexOf($"error {answer}")), before => char.IsAsciiDigit(before[0]) && Number(before) >= answer));
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_answers_is_not_read_from()
    {
        var (connection, peer) = await ConnectAsync();
        var filler = new string('x', 3000);
        var sent = 0;
        while (connection.WaitForRoomAsync() is { IsCompleted: true })
        {
            connection.Answer(new ErrorEvent(new CommandError("bad_request", filler, null, null)));
            Assert.InRange(++sent, 1, 10_000);
        }

        var room = connection.WaitForRoomAsync();
        Assert.False(room.IsCompleted);
        for (var i = 0; i < sent; i++)
        {
            await ReadAsync(peer);
        }

        await room.WaitAsync(_limit.Token);
    }

    [Fact]
    public async Task Waiting_for_room_ends_when_the_connection_closes()
    {
        var (connection, _) = await ConnectAsync();
        for (var i = 0; connection.WaitForRoomAsync() is { IsCompleted: true }; i++)
        {
            connection.Answer(new ErrorEvent(new CommandError("bad_request", new string('x', 3000), null, null)));
            Assert.InRange(i, 0, 10_000);
        }

        var room = connection.WaitForRoomAsync();
        connection.Close(CloseCodes.TooMany, "flood");
        await room.WaitAsync(_limit.Token);
    }

    [Fact]
    public async Task The_first_close_reason_counts_and_nothing_follows_it()
    {
        var (connection, peer) = await ConnectAsync();

        connection.Close(CloseCodes.LoginRequired, "token expired");
        connection.Close(CloseCodes.ServiceRestart, "server going down");
        connection.Open(Timer(1));
        connection.Answer(new Pong("1", Now));

        Assert.Equal("close 4401 token expired", await ReadAsync(peer));
        await connection.Finished.WaitAsync(_limit.Token);
    }

    /// <summary>Broken once: a close just after the last event could be sent by two threads, and the second cut the connection.</summary>
    [Fact]
    public async Task A_close_right_after_an_event_always_arrives()
    {
        for (var i = 0; i < 500; i++)
        {
            var (connection, peer) = await ConnectAsync();
            connection.Open(Timer(1));
            Assert.Equal("1", await ReadAsync(peer));
            Thread.SpinWait(i); // the sending thread is just about to find its queue empty: where exactly is found by trying
            connection.Close(CloseCodes.ServiceRestart, "");

            Assert.Equal("close 1012 ", await ReadAsync(peer));
        }
    }

    [Fact]
    public async Task A_peer_that_takes_nothing_is_cut_off_when_it_is_closed()
    {
        var (connection, _) = await ConnectAsync();
        for (var i = 0; connection.WaitForRoomAsync() is { IsCompleted: true }; i++)
        {
            connection.Answer(new ErrorEvent(new CommandError("bad_request", new string('x', 3000), null, null)));
            Assert.InRange(i, 0, 10_000);
        }

        connection.Close(CloseCodes.ServiceRestart, "");

        await connection.Finished.WaitAsync(Connection.CloseTimeout + Limit / 2, _limit.Token);
    }

    /// <summary>On one processor the thread that is woken runs at once: it would wait for the lock, and the writer for that.</summary>
    [Fact]
    public async Task Who_sends_is_woken_when_nobody_holds_the_lock()
    {
        var scheduler = new LookingScheduler();
        var (connection, peer) = await ConnectAsync(scheduler);
        scheduler.Look = () => connection.NewestVersion;

        connection.Open(Timer(1));
        Assert.Equal("1", await ReadAsync(peer));
        connection.Publish(Timer(2));
        Assert.Equal("2", await ReadAsync(peer));
        connection.Answer(Timer(2));
        Assert.Equal("2", await ReadAsync(peer));
        connection.Answer(new Pong("1", Now));
        Assert.Equal("pong", await ReadAsync(peer));
        connection.Close(CloseCodes.Normal, "bye");
        Assert.Equal("close 1000 bye", await ReadAsync(peer));

        Assert.Equal(0, scheduler.Blocked);
    }

    [Fact]
    public async Task Who_publishes_sends_it_too_when_asked_without_waking_anybody()
    {
        var scheduler = new IdleScheduler();
        var (connection, peer) = await ConnectAsync(scheduler);

        connection.Open(Timer(1));
        scheduler.Run();
        connection.Publish(Timer(2), here: true);

        Assert.Equal("1", await ReadAsync(peer));
        Assert.Equal("2", await ReadAsync(peer));
    }

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static TimerUpdated Timer(long version) =>
        new(TimerSnapshot.Of(UserId, new Run(Run, Now, StoppedAt: null, Now), version, "epoch", Now));

    private async Task<(Connection Connection, WebSocket Peer)> ConnectAsync(PipeScheduler? scheduler = null)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient { ReceiveBufferSize = SocketBufferBytes };
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, _limit.Token);
        var server = await listener.AcceptTcpClientAsync(_limit.Token);
        server.SendBufferSize = SocketBufferBytes;
        var near = WebSocket.CreateFromStream(server.GetStream(), new WebSocketCreationOptions { IsServer = true });
        var far = WebSocket.CreateFromStream(client.GetStream(), new WebSocketCreationOptions());
        _open.AddRange([near, far, server, client]);
        return (new Connection(near, _json, UserId, "s_1", Now.AddDays(7), scheduler ?? PipeScheduler.ThreadPool, TimeProvider.System, NullLogger.Instance), far);
    }

    /// <summary>Each message in short: a version, <c>error …</c>, or <c>pong</c>, the last.</summary>
    private async Task<List<string>> ReadToPongAsync(WebSocket peer)
    {
        var read = new List<string>();
        do
        {
            read.Add(await ReadAsync(peer));
        }
        while (read[^1] != "pong");

        return read;
    }

    private async Task<string> ReadAsync(WebSocket peer)
    {
        var buffer = new byte[8192];
        var length = 0;
        while (true)
        {
            var part = await peer.ReceiveAsync(buffer.AsMemory(length), _limit.Token);
            length += part.Count;
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return $"close {(int?)peer.CloseStatus} {peer.CloseStatusDescription}";
            }

            if (part.EndOfMessage)
            {
                break;
            }
        }

        var received = WireEvent.FromJson(Encoding.UTF8.GetString(buffer, 0, length));
        return received.Name switch
        {
            WireEvent.TimerUpdated => received.Version.ToString(System.Globalization.CultureInfo.InvariantCulture),
            WireEvent.Error => $"error {received.Message}",
            _ => "pong",
        };
    }

    /// <summary>Runs nothing until it is told to.</summary>
    private sealed class IdleScheduler : PipeScheduler
    {
        private Action? _next;

        public override void Schedule(Action<object?> action, object? state) => _next += () => action(state);

        public void Run() => _next?.Invoke();
    }

    /// <summary>Before it lets anything run, another thread looks at the connection, which takes its lock.</summary>
    private sealed class LookingScheduler : PipeScheduler
    {
        public Func<long> Look { get; set; } = () => 0;

        public int Blocked { get; private set; }

        public override void Schedule(Action<object?> action, object? state)
        {
            Blocked += Task.Run(Look).Wait(Limit / 10) ? 0 : 1;
            ThreadPool.Schedule(action, state);
        }
    }
}
