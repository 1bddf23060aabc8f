using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;
using TimerSync.Simulation.Model;

namespace TimerSync.Simulation;

/// <summary>An answer that the server owes to a connection.</summary>
internal sealed class Owed(Message message)
{
    public Message Message { get; } = message;

    /// <summary>The error that must come; null where none may.</summary>
    public string? Code { get; set; }

    /// <summary>Of a start or stop: how its commit ended.</summary>
    public ModelOutcome? Outcome { get; set; }

    /// <summary>The user's version after that commit.</summary>
    public long Version { get; set; }

    /// <summary>A timer was sent since then.</summary>
    public bool IsTold { get; set; }

    public bool IsCommand => Code is null && Message.Kind is MessageKind.Start or MessageKind.Stop;
}

/// <summary>What the judge knows of one connection.</summary>
internal sealed class Conversation
{
    /// <summary>Answers that are still to come, in the order of the messages that caused them.</summary>
    public Queue<Owed> Owed { get; } = new();

    public long Seen { get; set; } = -1;

    /// <summary>The hub knows it.</summary>
    public bool IsRegistered { get; set; }

    /// <summary>Its first snapshot was read; before that, and where that failed, the server takes no message.</summary>
    public bool IsOpen { get; set; }

    /// <summary>The server has decided to close it.</summary>
    public bool IsClosing { get; set; }

    /// <summary>The newest version when a blocked send could go on; null while the peer keeps up.</summary>
    public long? ResumedAt { get; set; }

    /// <summary>How many older versions than that came since.</summary>
    public int Backlog { get; set; }

    public Bucket? Commands { get; set; }

    public Bucket? Refusals { get; set; }
}

/// <summary>The rate that the contract promises, counted once more.</summary>
internal sealed class Bucket(int perSecond, int burst, DateTimeOffset now)
{
    private double _tokens = burst;
    private DateTimeOffset _filledAt = now;

    public bool TryTake(DateTimeOffset now)
    {
        _tokens = Math.Min(burst, _tokens + ((now - _filledAt).TotalSeconds * perSecond));
        _filledAt = now;
        var taken = _tokens >= 1;
        _tokens -= taken ? 1 : 0;
        return taken;
    }
}

/// <summary>
/// Watches every message that the server receives, every commit and every frame that it sends, and compares them with the
/// model. The first violation is kept and ends the run.
/// </summary>
internal sealed class Judge(World world)
{
    /// <summary>Timers that may wait, and the one that is being sent.</summary>
    private const int BacklogMax = Connection.TimersQueuedMax + 1;

    /// <summary>Answers that may wait, the one that is being sent, and the one that made the queue full.</summary>
    private const int OwedMax = Connection.AnswersQueuedMax + 2;

    private readonly Dictionary<string, UserHistory> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, string> _owners = [];
    private readonly Dictionary<TimerCommand, Queue<Owed>> _received = [];

    /// <summary>The first thing that went wrong.</summary>
    public string? Violation { get; private set; }

    public Counts Counts { get; } = new();

    /// <summary>Of all that was sent and stored: equal for equal seeds.</summary>
    public ulong Digest { get; private set; } = 14695981039346656037;

    public TimerModel ModelOf(string userId) => User(userId).Model;

    public void Fail(string violation) => Violation ??= violation;

    public void Require(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] LazyText violation)
    {
        if (!condition)
        {
            Fail(violation.ToStringAndClear());
        }
    }

    // --- A message was received --------------------------------------------------------------------------------------

    public void Received(SimulatedSocket socket, Message message)
    {
        var talk = socket.Conversation;
        var now = world.Clock.Now;
        Counts.Messages++;
        if (!talk.IsOpen || talk.IsClosing)
        {
            world.Trace($"{socket} > {message.Text} (it is closing: dropped)");
            return;
        }

        world.Trace($"{socket} > {message.Text}");
        var limits = world.Profile.Limits;
        if (message.Text.Length > ClientMessage.BytesMax)
        {
            talk.IsClosing = true;
            return;
        }

        var owed = new Owed(message) { Code = message.Code };
        talk.Commands ??= new Bucket(limits.CommandsPerSecond, limits.CommandBurst, now);
        talk.Refusals ??= new Bucket(limits.CommandsPerSecond, limits.CommandBurst, now);
        if (!talk.Commands.TryTake(now))
        {
            if (!talk.Refusals.TryTake(now))
            {
                talk.IsClosing = true;
                return;
            }

            owed.Code = ErrorCodes.RateLimited;
            Counts.RateLimited++;
        }
        else if (owed.IsCommand)
        {
            Expect(socket.UserId, owed, world.Clock.OfServer);
        }

        talk.Owed.Enqueue(owed);
        Require(talk.Owed.Count(one => !one.IsCommand) <= OwedMax, $"{socket}: {talk.Owed.Count} answers wait, and it reads on");
    }

    /// <summary>The server closes: what was not answered never will be.</summary>
    public void Closes(SimulatedSocket socket, int code)
    {
        world.Trace($"{socket} < close {code}");
        socket.Conversation.IsClosing = true;
    }

    private void Expect(string userId, Owed owed, DateTimeOffset now)
    {
        var message = owed.Message;
        if (PressTime.Of(message.PressedAt, message.SentAt, now) is not { } at)
        {
            owed.Code = ErrorCodes.BadRequest;
            return;
        }

        var action = message.Kind == MessageKind.Start ? TimerAction.Start : TimerAction.Stop;
        var command = new TimerCommand(action, userId, message.Id, at);
        if (!_received.TryGetValue(command, out var waiting))
        {
            _received[command] = waiting = new Queue<Owed>();
        }

        waiting.Enqueue(owed);
    }

    /// <summary>A send that had to wait for the peer goes on: from now on the queue can be seen from outside.</summary>
    public void Resumes(SimulatedSocket socket)
    {
        if (socket.Conversation.ResumedAt is null && !world.IsCommitting)
        {
            socket.Conversation.ResumedAt = User(socket.UserId).Model.Version;
            socket.Conversation.Backlog = 0;
        }
    }

    // --- A commit ended ----------------------------------------------------------------------------------------------

    public void Committed(IReadOnlyList<TimerCommand> commands, CommandResult[] results, IDisk disk)
    {
        Counts.Commits++;
        for (var i = 0; i < commands.Count; i++)
        {
            var command = commands[i];
            var user = User(command.UserId);
            var isAnothers = _owners.TryGetValue(command.RunId, out var owner) && owner != command.UserId;
            var (outcome, after) = command.Action == TimerAction.Start
                ? user.Model.Start(command.RunId, command.At, isAnothers)
                : user.Model.Stop(command.RunId, command.At, isAnothers);
            Counts.Add(outcome);
            if (outcome == ModelOutcome.Changed)
            {
                var ends = user.Ends;
                user.Advance(after);
                RequireOnlyEarlier(ends, user.Ends, command);
                _owners[command.RunId] = command.UserId;
            }

            world.Trace($"  {command.UserId} {command.Action} {Short(command.RunId)} at {Time(command.At)}: {outcome}, version {after.Version}");
            Require(results[i].Outcome.ToString() == outcome.ToString(), $"{command} was answered {results[i].Outcome}, the model says {outcome}");
            Require(results[i].Snapshot is { } snapshot && Matches(snapshot, after.Read()), $"{command} led to {results[i].Snapshot}, the model says {after.Read()}");
            if (TakeReceived(command) is { } owed)
            {
                owed.Outcome = outcome;
                owed.Version = after.Version;
                owed.Code = outcome switch
                {
                    ModelOutcome.IdTaken => ErrorCodes.IdTaken,
                    ModelOutcome.UnknownTimer => ErrorCodes.UnknownTimer,
                    _ => null,
                };
            }
        }

        if (disk.FindDamage() is { } damage)
        {
            Fail(damage);
        }

        foreach (var userId in commands.Select(command => command.UserId).Distinct(StringComparer.Ordinal))
        {
            RequireStored(userId, disk);
        }
    }

    public void Refused(IReadOnlyList<TimerCommand> commands)
    {
        Counts.Refused++;
        world.Trace("  refused by the database");
        foreach (var command in commands)
        {
            if (TakeReceived(command) is { } owed)
            {
                owed.Code = ErrorCodes.Unavailable;
            }
        }
    }

    /// <summary>The server was started again on what the disk has. Nobody may have heard of more.</summary>
    public void Restarted(IDisk disk)
    {
        Counts.Restarts++;
        _received.Clear();
        foreach (var userId in _users.Keys)
        {
            RequireStored(userId, disk);
        }
    }

    private void RequireStored(string userId, IDisk disk)
    {
        var read = disk.ReadAsync(userId);
        Require(read.IsCompletedSuccessfully, $"the disk does not answer at once");
        Require(
            Matches(read.Result, User(userId).Model.Read()),
            $"{userId} was told of version {User(userId).Told}; stored is {read.Result}; the model has {User(userId).Model.Read()}");
    }

    private void RequireOnlyEarlier(IReadOnlyDictionary<Guid, DateTimeOffset?> before, IReadOnlyDictionary<Guid, DateTimeOffset?> after, TimerCommand command)
    {
        foreach (var (run, was) in before)
        {
            Require(was is null || after[run] <= was, $"{command} moves the end of {run} from {was} to {after[run]}");
        }
    }

    private Owed? TakeReceived(TimerCommand command)
    {
        if (_received.TryGetValue(command, out var waiting) && waiting.TryDequeue(out var owed))
        {
            return owed;
        }

        Fail($"{command} was stored, but no open connection sent it (again)");
        return null;
    }

    // --- A frame was sent --------------------------------------------------------------------------------------------

    public void Emitted(SimulatedSocket socket, ReadOnlySpan<byte> utf8)
    {
        foreach (var octet in utf8)
        {
            Digest = (Digest ^ octet) * 1099511628211;
        }

        Counts.Frames++;
        var talk = socket.Conversation;
        var reader = new Utf8JsonReader(utf8);
        using var json = JsonDocument.ParseValue(ref reader);
        world.Trace($"{socket} < {json.RootElement}");
        Require(!talk.IsClosing, $"{socket}: {json.RootElement} is sent on a connection that was closed");
        var payload = json.RootElement.GetProperty("payload");
        switch (json.RootElement.GetProperty("event").GetString())
        {
            case "timer_updated":
                EmittedTimer(socket, talk, payload);
                break;
            case "error":
                EmittedError(socket, talk, payload);
                break;
            default:
                EmittedPong(socket, talk, payload);
                break;
        }
    }

    private void EmittedTimer(SimulatedSocket socket, Conversation talk, JsonElement timer)
    {
        var user = User(socket.UserId);
        var version = timer.GetProperty("version").GetInt64();
        Require(Text(timer, "user_id") == socket.UserId, $"{socket}: got a timer of {Text(timer, "user_id")}");
        Require(version >= talk.Seen, $"{socket}: version {version} after version {talk.Seen}");
        Require(Text(timer, "epoch") == world.Disk.Epoch, $"{socket}: wrong epoch");
        Require(ParseTime(timer, "server_time") <= world.Clock.LatestOfServer, $"{socket}: server_time is in the future");
        if (version > user.Model.Version)
        {
            Fail($"{socket}: hears of version {version}, but {user.Model.Version} is the newest that is durable");
            return;
        }

        var expected = user.At(version);
        var isSame = Text(timer, "id") == expected.Id?.ToString("D")
            && Text(timer, "status") == (expected.IsRunning ? "running" : "stopped")
            && ParseTime(timer, "started_at") == expected.StartedAt
            && ParseTime(timer, "stopped_at") == expected.StoppedAt
            && user.IsUpdatedAt(version, Text(timer, "updated_at"));
        Require(isSame, $"{socket}: got {timer}, the model has {expected}");

        CountBacklog(socket, talk, version);
        Counts.Skipped += talk.Seen >= 0 && version > talk.Seen + 1 ? 1 : 0;
        talk.Seen = version;
        user.Told = Math.Max(user.Told, version);
        foreach (var owed in talk.Owed)
        {
            owed.IsTold |= owed.Outcome is not null;
        }
    }

    /// <summary>A peer that can read again gets at most so many versions that are old by now.</summary>
    private void CountBacklog(SimulatedSocket socket, Conversation talk, long version)
    {
        if (talk.ResumedAt is { } newest && version > talk.Seen)
        {
            talk.Backlog += version <= newest ? 1 : 0;
            Require(talk.Backlog <= BacklogMax, $"{socket}: {talk.Backlog} old versions were kept for a slow consumer");
            talk.ResumedAt = version >= newest ? null : newest;
        }
    }

    private void EmittedError(SimulatedSocket socket, Conversation talk, JsonElement error)
    {
        var owed = NextAnswer(socket, talk, error);
        var isSame = owed is not null && owed.Code == Text(error, "code")
            && Text(error, "action") == owed.Message.Action && Text(error, "id") == Echoed(owed.Message.IdText);
        Require(isSame, $"{socket}: got {error} as the answer to {owed?.Message.Text}, owed is {owed?.Code ?? "no error"}");
    }

    /// <summary>An id as answers write it: lower case; what is no UUID comes back as it was sent (CONTRACT.md, section 6).</summary>
    private static string? Echoed(string? id) => Guid.TryParseExact(id, "D", out var uuid) ? uuid.ToString("D") : id;

    private void EmittedPong(SimulatedSocket socket, Conversation talk, JsonElement pong)
    {
        var owed = NextAnswer(socket, talk, pong);
        var isSame = owed is { Code: null, Message.Kind: MessageKind.Ping } && pong.GetProperty("sent_at").GetInt64() == owed.Message.PingNumber;
        Require(isSame, $"{socket}: got {pong} as the answer to {owed?.Message.Text}, owed is {owed?.Code ?? "a pong"}");
    }

    private Owed? NextAnswer(SimulatedSocket socket, Conversation talk, JsonElement answer)
    {
        Require(talk.Seen >= 0, $"{socket}: {answer} comes before the first timer");
        SettleCommands(socket, talk, answer);
        return talk.Owed.TryDequeue(out var owed) ? owed : null;
    }

    /// <summary>Commands before the next error or pong must be stored by now, and their sender told.</summary>
    private void SettleCommands(SimulatedSocket socket, Conversation talk, object before)
    {
        while (talk.Owed.TryPeek(out var owed) && owed.IsCommand)
        {
            talk.Owed.Dequeue();
            Require(owed.Outcome is not null, $"{socket}: {before} overtakes {owed.Message.Text}, which is not stored yet");
            Require(
                owed.IsTold && talk.Seen >= owed.Version,
                $"{socket}: {before} overtakes the answer to {owed.Message.Text}: version {owed.Version}, sent is {talk.Seen}");
        }
    }

    // --- All is at rest ----------------------------------------------------------------------------------------------

    /// <summary>Nothing moves any more: every live connection must have the newest version and all its answers.</summary>
    public void AtRest(SimulatedSocket socket)
    {
        var talk = socket.Conversation;
        SettleCommands(socket, talk, "silence");
        Require(talk.Owed.Count == 0, $"{socket}: no answer to {talk.Owed.FirstOrDefault()?.Message.Text}");
        Require(talk.Seen == User(socket.UserId).Model.Version, $"{socket}: has version {talk.Seen}, the newest is {User(socket.UserId).Model.Version}");
        Require(world.Sessions.Contains(socket.SessionId), $"{socket}: open, though its session has ended");
        Require(socket.ExpiresAt > world.Clock.OfServer - World.SweepInterval, $"{socket}: open, though its token has expired");
    }

    private UserHistory User(string userId)
    {
        if (!_users.TryGetValue(userId, out var user))
        {
            _users[userId] = user = new UserHistory();
        }

        return user;
    }

    private static bool Matches(TimerSnapshot snapshot, ModelTimer timer) =>
        snapshot.Id == timer.Id && snapshot.StartedAt == timer.StartedAt && snapshot.StoppedAt == timer.StoppedAt
        && snapshot.Version == timer.Version && snapshot.Status == (timer.IsRunning ? TimerStatus.Running : TimerStatus.Stopped);

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static DateTimeOffset? ParseTime(JsonElement element, string name) =>
        Text(element, name) is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : null;

    private static string Time(DateTimeOffset time) => time.ToString("dd'T'HH:mm:ss.fff", CultureInfo.InvariantCulture);

    private static string Short(Guid id) => id.ToString("N")[..8];

    /// <summary>One user's timers, version by version.</summary>
    private sealed class UserHistory
    {
        private readonly List<ModelTimer> _versions = [TimerModel.Empty.Read()];
        private readonly Dictionary<long, string?> _updatedAt = [];

        public TimerModel Model { get; private set; } = TimerModel.Empty;

        public IReadOnlyDictionary<Guid, DateTimeOffset?> Ends { get; private set; } = TimerModel.Empty.EffectiveEnds();

        /// <summary>The newest version that anybody has heard of.</summary>
        public long Told { get; set; }

        public ModelTimer At(long version) => _versions[(int)version];

        public void Advance(TimerModel after)
        {
            Model = after;
            Ends = after.EffectiveEnds();
            _versions.Add(after.Read());
        }

        /// <summary>A version says the same of itself whenever and to whomever it is sent.</summary>
        public bool IsUpdatedAt(long version, string? updatedAt) =>
            _updatedAt.TryAdd(version, updatedAt) || _updatedAt[version] == updatedAt;
    }
}
