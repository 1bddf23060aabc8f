using System.Net;
using System.Net.Sockets;
using TimerSync.Features.SyncSocket;

namespace TimerSync.Tests.SyncSocket;

/// <summary>Whether a client is ahead of the server for too long; on a real connection, with a clock that the test moves.</summary>
public sealed class BacklogTests : IDisposable
{
    private const int Burst = 4;
    private const int MessageBytes = 100;
    private const int FrameBytes = MessageBytes + 6;

    private readonly ManualClock _clock = new();
    private readonly Socket _client = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly Socket _server;

    public BacklogTests()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen();
        _client.Connect(listener.LocalEndPoint!);
        _server = listener.Accept();
    }

    [Fact]
    public void Messages_that_arrive_one_by_one_are_not_late_however_long_it_takes()
    {
        var backlog = new Backlog(Burst, _server, _clock);
        for (var i = 0; i < 10; i++)
        {
            Send(1);
            Take();
            Assert.Equal((false, false), backlog.Handle(MessageBytes));
            _clock.Advance(10 * Backlog.LateAfter);
        }
    }

    [Fact]
    public void What_has_waited_for_too_long_is_late_and_the_second_time_late_again()
    {
        var backlog = new Backlog(Burst, _server, _clock);

        // With five behind it, the first message marks the sixth, that one the eleventh, and so on.
        var (late, again) = Handle(ref backlog, messages: 14, ahead: 5, each: Backlog.LateAfter / 4);

        Assert.Equal([5, 10], late);
        Assert.Equal([10], again);
    }

    [Fact]
    public void As_many_as_may_be_sent_at_once_are_not_late_however_long_it_takes()
    {
        var backlog = new Backlog(Burst, _server, _clock);

        var (late, _) = Handle(ref backlog, messages: 14, ahead: Burst, each: 10 * Backlog.LateAfter);

        Assert.Empty(late);
    }

    [Fact]
    public void A_queue_that_moves_fast_enough_is_not_late()
    {
        var backlog = new Backlog(Burst, _server, _clock);

        var (late, _) = Handle(ref backlog, messages: 100, ahead: 5, each: Backlog.LateAfter / 6);

        Assert.Empty(late);
    }

    [Fact]
    public void Without_a_socket_nobody_is_late()
    {
        var backlog = new Backlog(Burst, socket: null, _clock);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal((false, false), backlog.Handle(MessageBytes));
            _clock.Advance(2 * Backlog.LateAfter);
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
    }

    /// <summary>Handles messages, each of which takes its time, with always as many behind it in the socket.</summary>
    /// <returns>Which were late, and which were late again.</returns>
    private (List<int> Late, List<int> Again) Handle(ref Backlog backlog, int messages, int ahead, TimeSpan each)
    {
        var (late, again) = (new List<int>(), new List<int>());
        Send(ahead);
        for (var i = 0; i < messages; i++)
        {
            Send(1);
            Take();
            var (isLate, isLateAgain) = backlog.Handle(MessageBytes);
            late.AddRange(isLate ? [i] : []);
            again.AddRange(isLateAgain ? [i] : []);
            _clock.Advance(each);
        }

        return (late, again);
    }

    private void Send(int messages)
    {
        var arrived = _server.Available + (messages * FrameBytes);
        _client.Send(new byte[messages * FrameBytes]);
        Assert.True(SpinWait.SpinUntil(() => _server.Available == arrived, TimeSpan.FromSeconds(10)));
    }

    private void Take() => _server.Receive(new byte[FrameBytes]);
}
