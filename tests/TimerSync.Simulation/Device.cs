using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Simulation;

/// <summary>
/// A person's browser or script: presses, keeps presses until they are confirmed, and sends them again with the same id
/// after a reconnect. Like the page it sends a ping behind its presses, whose pong is their receipt.
/// </summary>
internal sealed class Device(World world, string userId, int number, TimeSpan clockError)
{
    private const int PressesOnTheirWayMax = 10;
    private const int OutboxMax = 40;

    private readonly List<Press> _outbox = [];
    private long _pings;

    public string UserId { get; } = userId;

    /// <summary>The login session; null after a logout.</summary>
    public (string Id, DateTimeOffset ExpiresAt)? Session { get; set; }

    public SimulatedSocket? Socket { get; private set; }

    /// <summary>Not before this moment does it connect again.</summary>
    public DateTimeOffset ConnectAt { get; private set; }

    /// <summary>Presses that the server has confirmed.</summary>
    public List<Message> Confirmed { get; } = [];

    /// <summary>Runs that a person started or stopped here, and since when: all of it must be stored in the end.</summary>
    public Dictionary<Guid, (MessageKind Last, DateTimeOffset Since)> Toggled { get; } = [];

    public bool HasUnsent => Room > 0 && _outbox.Exists(IsReady);

    // As the page does: few at a time, or a long outbox would be a flood whose last ping, the receipt, is always refused.
    private IEnumerable<Press> Ready => _outbox.FindAll(IsReady).Take(Room);

    private int Room => PressesOnTheirWayMax - _outbox.Count(press => press.PingBehind is not null);

    public bool IsWaiting => _outbox.Count > 0;

    /// <summary>The newest state it knows.</summary>
    public (Guid? Id, bool IsRunning, long Version) Shown { get; private set; }

    private bool IsReady(Press press) => press.PingBehind is null && press.RetryAt <= world.Clock.Now;

    private DateTimeOffset ClockNow => world.Clock.Now + clockError;

    public override string ToString() => $"{UserId}/{number}";

    public void Connect()
    {
        Socket = world.Connect(this);
        ConnectAt = world.Clock.Now + TimeSpan.FromSeconds(1);
    }

    /// <summary>The connection is gone, and the device knows.</summary>
    public void Disconnected()
    {
        Socket = null;
        _outbox.ForEach(press => press.PingBehind = null);
    }

    /// <summary>Whatever the person or the script does next.</summary>
    public void Act()
    {
        switch (world.Random.Next(20))
        {
            case < 9:
                Toggle();
                break;
            case < 11:
                Add(MessageKind.Start, world.AnyRun(), Earlier());
                break;
            case < 13:
                Add(MessageKind.Stop, world.AnyRun(), Earlier());
                break;
            case 13:
                Add(MessageKind.Start, world.AnyRun(), ClockNow + TimeSpan.FromSeconds(world.Random.Next(100_000)));
                break;
            case 14:
                Add(MessageKind.Start, world.NewRun(), ClockNow - TimeSpan.FromDays(7) + TimeSpan.FromSeconds(world.Random.Next(-60, 60)));
                break;
            case 15:
                Again();
                break;
            case 16:
                SendPing();
                break;
            default:
                SendNonsense();
                break;
        }

        Flush();
    }

    /// <summary>Presses what the button shows.</summary>
    public void Toggle()
    {
        var shown = Shown;
        foreach (var press in _outbox)
        {
            shown = press.Kind == MessageKind.Start ? (press.Id, true, 0) : shown with { IsRunning = shown.IsRunning && press.Id != shown.Id };
        }

        var (kind, id) = shown.IsRunning ? (MessageKind.Stop, shown.Id!.Value) : (MessageKind.Start, world.MakeId());
        var isOwn = Toggled.TryGetValue(id, out var own);
        if (Add(kind, id, ClockNow) && (kind == MessageKind.Start || isOwn || id == Shown.Id))
        {
            Toggled[id] = (kind, isOwn ? own.Since : world.Clock.Now);
        }
    }

    /// <summary>Sends what waits, and a ping behind it.</summary>
    public void Flush()
    {
        if (Socket is null || !HasUnsent)
        {
            return;
        }

        foreach (var press in Ready)
        {
            Send(ToMessage(press));
            if (world.Chance(0.1))
            {
                Send(ToMessage(press)); // a duplicate
            }

            press.PingBehind = _pings;
        }

        SendPing();
    }

    public void Receive(SimulatedSocket socket, Frame frame)
    {
        if (frame.Type == WebSocketMessageType.Close)
        {
            world.Trace($"{socket} is told: close {frame.CloseCode}");
            socket.SendToServer(Frame.Close(1000));
            if (frame.CloseCode == 4401)
            {
                Session = null;
            }

            Disconnected();
            return;
        }

        using var json = JsonDocument.Parse(frame.Bytes);
        var payload = json.RootElement.GetProperty("payload");
        switch (json.RootElement.GetProperty("event").GetString())
        {
            case "timer_updated":
                OnTimer(payload);
                break;
            case "pong":
                OnPong(payload.GetProperty("sent_at").GetInt64());
                break;
            default:
                OnError(payload.GetProperty("code").GetString()!, payload.GetProperty("id").GetString(), payload.GetProperty("action").GetString());
                break;
        }
    }

    private void OnTimer(JsonElement timer)
    {
        var version = timer.GetProperty("version").GetInt64();
        if (version >= Shown.Version)
        {
            Shown = (timer.GetProperty("id").GetString() is { } id ? Guid.Parse(id) : null, timer.GetProperty("status").GetString() == "running", version);
        }
    }

    private void OnPong(long ping)
    {
        foreach (var press in _outbox.FindAll(press => press.PingBehind <= ping))
        {
            _outbox.Remove(press);
            Confirmed.Add(press.Sent!);
            world.Share(press.Id);
        }
    }

    private void OnError(string code, string? id, string? action)
    {
        if (code == ErrorCodes.RateLimited && action == "ping")
        {
            _outbox.ForEach(press => press.PutOff(world.Clock.Now)); // there will be no receipt
            return;
        }

        foreach (var press in _outbox.FindAll(press => press.PingBehind is not null && string.Equals(press.Sent!.IdText, id, StringComparison.OrdinalIgnoreCase) && press.Sent.Action == action))
        {
            if (code is ErrorCodes.Unavailable or ErrorCodes.RateLimited
                || (code == ErrorCodes.UnknownTimer && _outbox.Exists(start => start.Kind == MessageKind.Start && start.Id == press.Id)))
            {
                press.PutOff(world.Clock.Now);
            }
            else
            {
                _outbox.Remove(press);
            }
        }
    }

    private bool Add(MessageKind kind, Guid id, DateTimeOffset at)
    {
        if (_outbox.Count >= OutboxMax)
        {
            return false;
        }

        var isTimeSent = clockError != TimeSpan.Zero || world.Chance(0.8);
        _outbox.Add(new Press(kind, id, isTimeSent ? at : null));
        world.Trace($"{this} presses {kind} {id}");
        return true;
    }

    /// <summary>Something confirmed is sent once more, by whatever went wrong.</summary>
    private void Again()
    {
        if (Confirmed.Count > 0 && Socket is not null)
        {
            Send(Confirmed[world.Random.Next(Confirmed.Count)]);
        }
    }

    private DateTimeOffset Earlier() => world.Random.Next(3) switch
    {
        0 => ClockNow,
        1 => ClockNow - TimeSpan.FromMilliseconds(world.Random.Next(3000)),
        _ => ClockNow - TimeSpan.FromSeconds(world.Random.Next(200_000)),
    };

    private void SendPing()
    {
        var ping = _pings++;
        Send(new Message(MessageKind.Ping, string.Create(CultureInfo.InvariantCulture, $$"""{"action":"ping","sent_at":{{ping}}}"""), "ping") { PingNumber = ping });
    }

    private void SendNonsense()
    {
        var id = world.NewRun().ToString("D");
        var stranger = $$"""{"action":"timer_start","id":"{{id}}","user_id":"u_stranger"}""";
        Message message = world.Random.Next(9) switch
        {
            0 => new(MessageKind.Refused, "{", null) { Code = ErrorCodes.BadRequest },
            1 => new(MessageKind.Refused, "[]", null) { Code = ErrorCodes.BadRequest },
            2 => new(MessageKind.Refused, """{"action":"timer_pause"}""", "timer_pause") { Code = ErrorCodes.UnknownAction },
            3 => new(MessageKind.Refused, stranger, "timer_start", id) { Code = ErrorCodes.WrongUser },
            4 => new(MessageKind.Refused, """{"action":"timer_stop","id":"7"}""", "timer_stop", "7") { Code = ErrorCodes.BadRequest },
            5 => new(MessageKind.Refused, stranger, null) { Code = ErrorCodes.BadRequest, IsBinary = true },
            6 => new(MessageKind.Refused, $$"""{"action":"timer_start","id":"{{id}}","started_at":"yesterday"}""", "timer_start", id) { Code = ErrorCodes.BadRequest },
            7 => new(MessageKind.Refused, $$"""{"action":"ping","sent_at":"now"}""", "ping") { Code = ErrorCodes.BadRequest },
            _ => new(MessageKind.Refused, world.Chance(0.1) ? new string(' ', ClientMessage.BytesMax + 1) : "", null) { Code = ErrorCodes.BadRequest },
        };
        Send(message);
    }

    private Message ToMessage(Press press)
    {
        var isStart = press.Kind == MessageKind.Start;
        var action = isStart ? "timer_start" : "timer_stop";
        var id = world.Chance(0.1) ? press.Id.ToString("D").ToUpperInvariant() : press.Id.ToString("D");
        DateTimeOffset? sentAt = press.At is not null && (clockError != TimeSpan.Zero || world.Chance(0.3)) ? ClockNow : null;
        var text = new StringBuilder($$"""{"action":"{{action}}","id":"{{id}}" """);
        if (world.Chance(0.3))
        {
            text.Append(CultureInfo.InvariantCulture, $""","user_id":"{UserId}" """);
        }

        if (press.At is { } at)
        {
            text.Append(CultureInfo.InvariantCulture, $""","{(isStart ? "started_at" : "stopped_at")}":"{ToText(at)}" """);
        }

        if (sentAt is { } sent)
        {
            text.Append(CultureInfo.InvariantCulture, $""","sent_at":"{ToText(sent)}" """);
        }

        return press.Sent = new Message(press.Kind, text.Append('}').ToString(), action, id) { Id = press.Id, PressedAt = press.At, SentAt = sentAt };
    }

    private string ToText(DateTimeOffset time) => world.Random.Next(3) switch
    {
        0 => time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        1 => time.ToString("yyyy-MM-dd't'HH:mm:ss.fffffff'z'", CultureInfo.InvariantCulture),
        _ => time.ToOffset(TimeSpan.FromMinutes(world.Random.Next(-11, 13) * 30)).ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture),
    };

    /// <summary>Puts a message on the wire, sometimes in parts.</summary>
    private void Send(Message message)
    {
        if (Socket is null)
        {
            return;
        }

        var bytes = Encoding.UTF8.GetBytes(message.Text);
        var type = message.IsBinary ? WebSocketMessageType.Binary : WebSocketMessageType.Text;
        for (var at = 0; world.Chance(0.1) && at < bytes.Length - 1;)
        {
            var length = world.Random.Next(1, bytes.Length - at);
            Socket.SendToServer(new Frame(type, bytes[at..(at + length)], Message: null, CloseCode: null));
            bytes = bytes[(at + length)..];
        }

        Socket.SendToServer(new Frame(type, bytes, message, CloseCode: null));
    }

    /// <summary>One press in the outbox.</summary>
    private sealed class Press(MessageKind kind, Guid id, DateTimeOffset? at)
    {
        public MessageKind Kind { get; } = kind;

        public Guid Id { get; } = id;

        /// <summary>By the device's clock; null leaves it to the server.</summary>
        public DateTimeOffset? At { get; } = at;

        /// <summary>The ping that was sent behind it; null while it is not sent.</summary>
        public long? PingBehind { get; set; }

        public DateTimeOffset RetryAt { get; set; }

        public Message? Sent { get; set; }

        /// <summary>It will be sent again, a little later.</summary>
        public void PutOff(DateTimeOffset now)
        {
            PingBehind = null;
            RetryAt = now + TimeSpan.FromSeconds(1);
        }
    }
}
