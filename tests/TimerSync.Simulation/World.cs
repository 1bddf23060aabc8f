using System.Globalization;
using System.Runtime.CompilerServices;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Simulation;

/// <summary>How one seed ended.</summary>
/// <param name="Seed">Leads to the same run again.</param>
/// <param name="Violation">What went wrong; null when nothing did.</param>
/// <param name="Step">In which step.</param>
/// <param name="Digest">Of all that was sent.</param>
/// <param name="Counts">What happened.</param>
internal sealed record SeedResult(int Seed, string? Violation, int Step, ulong Digest, Counts Counts);

/// <summary>
/// One seed's run: a server, the devices of a few people, and all that lies between them. One step at a time, which the
/// seed chooses; then nothing else is random.
/// </summary>
internal sealed class World
{
    /// <summary>Rest is reached long before; a world that never comes to rest is a violation.</summary>
    private const int StepsToRestMax = 100_000;

    /// <summary>The server's heartbeat finds a silent peer within this.</summary>
    private static readonly TimeSpan SilentPeerEnd = Heartbeat.LookInterval * Heartbeat.LooksToCut;

    /// <summary>So often the server looks for expired tokens.</summary>
    public static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    /// <summary>Such errors of the server's clock, and a device's own, are well below what is left of a press's 7 days.</summary>
    private static readonly TimeSpan ServerClockErrorMax = TimeSpan.FromHours(2);

    /// <summary>A press that waits for longer may be refused as too old.</summary>
    private static readonly TimeSpan PressAgeSafe = TimeSpan.FromDays(6);

    private readonly Action<string>? _trace;
    private readonly List<Device> _devices = [];
    private readonly List<SimulatedSocket> _sockets = [];
    private readonly List<Guid> _runs = [];
    private int _step;
    private int _sessionsMade;
    private string? _stoppedIn; // the commit in which the machine stopped
    private bool _isCalm;
    private DateTimeOffset _sweptAt;

    private World(int seed, Func<TimeProvider, IDisk> makeDisk, Action<string>? trace)
    {
        _trace = trace;
        Random = new Random(seed);
        Profile = new Profile(Random);
        Clock = new VirtualClock(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        _sweptAt = Clock.Now;
        Disk = makeDisk(Clock);
        Judge = new Judge(this);
        Server = new Server(this);
        for (var user = 0; user < Profile.Users; user++)
        {
            for (var device = 0; device < Profile.DevicesPerUser; device++)
            {
                _devices.Add(new Device(this, $"u_{user}", device, ClockError()));
            }
        }
    }

    public Random Random { get; }

    public Profile Profile { get; }

    public VirtualClock Clock { get; }

    public IDisk Disk { get; }

    public Judge Judge { get; }

    public Server Server { get; private set; }

    /// <summary>Login sessions as the database has them.</summary>
    public HashSet<string> Sessions { get; } = new(StringComparer.Ordinal);

    /// <summary>Runs one seed to its end, or to its first violation.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="makeDisk">The store; disposed at the end.</param>
    /// <param name="trace">Gets every step as a line; null costs nothing.</param>
    public static SeedResult Run(int seed, Func<TimeProvider, IDisk> makeDisk, Action<string>? trace = null)
    {
        var before = SynchronizationContext.Current;
        var world = new World(seed, makeDisk, trace);
        try
        {
            world.Run();
        }
        catch (Exception exception)
        {
            world.Judge.Fail($"{exception}");
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
            world.Disk.Dispose();
        }

        world.Judge.Counts.Steps = world._step;
        return new SeedResult(seed, world.Judge.Violation, world._step, world.Judge.Digest, world.Judge.Counts);
    }

    /// <summary>The writer is in the middle of a commit.</summary>
    public bool IsCommitting { get; private set; }

    public bool IsTraced => _trace is not null;

    public void Trace([InterpolatedStringHandlerArgument("")] LazyText line)
    {
        if (_trace is not null)
        {
            Trace(line.ToStringAndClear());
        }
    }

    public void Trace(string line) => _trace?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{_step,6} {Clock.Now:dd'T'HH:mm:ss.fff} {line}"));

    public bool Chance(double share) => share > 0 && !_isCalm && Random.NextDouble() < share;

    public Guid MakeId()
    {
        var bytes = new byte[16];
        Random.NextBytes(bytes);
        return new Guid(bytes);
    }

    /// <summary>From now on anybody may use the id, rightly or not.</summary>
    public Guid Share(Guid id)
    {
        _runs.Add(id);
        return id;
    }

    /// <summary>A new id that anybody may use.</summary>
    public Guid NewRun() => Share(MakeId());

    /// <summary>A new run, or one that somebody made, this user or another.</summary>
    public Guid AnyRun() => _runs.Count == 0 || Random.Next(3) == 0 ? NewRun() : _runs[Random.Next(_runs.Count)];

    /// <summary>The upgrade, with a token of a session that is valid at this moment; a device without one logs in.</summary>
    public SimulatedSocket Connect(Device device)
    {
        if (device.Session is not { } session || !Sessions.Contains(session.Id) || session.ExpiresAt <= Clock.OfServer)
        {
            device.Session = session = ($"s{_sessionsMade++}", DateTimeOffset.FromUnixTimeSeconds((Clock.OfServer + Profile.TokenLifetime).ToUnixTimeSeconds()));
            Sessions.Add(session.Id);
        }

        var socket = new SimulatedSocket(this, device, session.Id, session.ExpiresAt, (int)Judge.Counts.Connections++);
        Trace($"{socket} connects");
        _sockets.Add(socket);
        Server.Accept(socket);
        return socket;
    }

    public CommitFate NextCommitFate()
    {
        if (Chance(Profile.CrashesInCommit))
        {
            return Random.Next(2) == 0 ? CommitFate.CrashBefore : CommitFate.CrashAfter;
        }

        return Chance(Profile.Refusals) ? CommitFate.Refused : CommitFate.Succeeds;
    }

    /// <summary>The machine stops in the middle of a commit: from now on nothing of the server runs.</summary>
    public void StopMachine(string when)
    {
        _stoppedIn = when;
        Server.Scheduler.Kill();
    }

    /// <summary>A commit takes its time: everything but the writer goes on.</summary>
    public void LetOthersRun()
    {
        for (var i = _isCalm ? 0 : Random.Next(Profile.Others + 1); i > 0; i--)
        {
            Step();
        }
    }

    private void Run()
    {
        SynchronizationContext.SetSynchronizationContext(Server.Scheduler);
        var rests = new[] { Random.Next(Profile.Steps), Profile.Steps - 1 };
        for (var i = 0; i < Profile.Steps && Judge.Violation is null; i++)
        {
            Step();
            if (rests.Contains(i))
            {
                ComeToRest();
            }
        }
    }

    private void Step()
    {
        _step++;
        var toServer = Pick(socket => socket.CanDeliverToServer);
        var toClient = Pick(socket => socket.CanDeliverToClient);
        var device = _devices[Random.Next(_devices.Count)];
        var mayStop = !IsCommitting;
        Span<int> weights =
        [
            Server.Scheduler.Count > 0 ? Profile.RunWeight : 0,
            toServer is null ? 0 : Profile.ToServerWeight,
            toClient is null ? 0 : Profile.ToClientWeight,
            mayStop ? Profile.CommitWeight : 0,
            Profile.ActWeight,
            Profile.TimeWeight,
            device.Socket is null ? Profile.ConnectWeight : Profile.DisconnectWeight,
            Profile.VanishWeight,
            Profile.StallWeight,
            Profile.LogoutWeight,
            mayStop ? Profile.CrashWeight : 0,
            mayStop ? Profile.StopWeight : 0,
            Profile.ClockJumpWeight,
        ];
        switch (Choose(weights))
        {
            case 0: Server.Scheduler.RunOne(); break;
            case 1: toServer!.DeliverToServer(); break;
            case 2: toClient!.DeliverToClient(); break;
            case 3: Commit(); break;
            case 4: device.Act(); break;
            case 5: Advance(TimeSpan.FromMilliseconds(Random.NextInt64((long)Profile.StepMax.TotalMilliseconds))); break;
            case 6: ConnectOrDisconnect(device); break;
            case 7: Vanish(device); break;
            case 8: Stall(device); break;
            case 9: Logout(device); break;
            case 10: Crash("the machine stops"); break;
            case 11: StopAndStart(); break;
            case 12: JumpClock(); break;
            default: throw new InvalidOperationException("Not a step.");
        }

        Tidy();
    }

    private int Choose(ReadOnlySpan<int> weights)
    {
        var total = 0;
        foreach (var weight in weights)
        {
            total += weight;
        }

        var left = Random.Next(total);
        var choice = 0;
        while (left >= weights[choice])
        {
            left -= weights[choice++];
        }

        return choice;
    }

    private SimulatedSocket? Pick(Predicate<SimulatedSocket> condition)
    {
        var first = _sockets.Count == 0 ? 0 : Random.Next(_sockets.Count);
        for (var i = 0; i < _sockets.Count; i++)
        {
            var socket = _sockets[(first + i) % _sockets.Count];
            if (condition(socket))
            {
                return socket;
            }
        }

        return null;
    }

    private void Commit()
    {
        IsCommitting = true;
        Server.Writer.CommitWaiting();
        IsCommitting = false;
        if (_stoppedIn is { } when)
        {
            _stoppedIn = null;
            Crash($"the machine stops {when}");
        }
    }

    private void ConnectOrDisconnect(Device device)
    {
        if (device.Socket is not { } socket)
        {
            device.Connect();
            device.Flush();
            return;
        }

        Judge.Counts.Lost++;
        if (Random.Next(2) == 0)
        {
            Trace($"{socket} is closed by the client");
            socket.SendToServer(Frame.Close(1000));
        }
        else
        {
            Trace($"{socket} is cut");
            socket.Break();
        }

        device.Disconnected();
    }

    /// <summary>The device loses its network and will find out; the server will not, for a while.</summary>
    private void Vanish(Device device)
    {
        if (device.Socket is { } socket)
        {
            Trace($"{socket} vanishes");
            Judge.Counts.Lost++;
            socket.Vanish();
            device.Disconnected();
        }
    }

    private void Stall(Device device)
    {
        if (device.Socket is { } socket)
        {
            socket.IsStalled = !socket.IsStalled;
            Trace($"{socket} {(socket.IsStalled ? "reads no more" : "reads again")}");
        }
    }

    private void Logout(Device device)
    {
        if (device.Session is { } session)
        {
            Trace($"{device} logs out");
            Sessions.Remove(session.Id);
            MarkClosing(socket => socket.SessionId == session.Id);
            Server.Hub.CloseSession(device.UserId, session.Id);
            device.Session = null;
        }
    }

    /// <summary>Forwards or backwards, or back to the right time.</summary>
    private void JumpClock()
    {
        var error = Random.Next(4) == 0 ? TimeSpan.Zero : ServerClockErrorMax * ((Random.NextDouble() * 2) - 1);
        Clock.SetServer(TimeSpan.FromMilliseconds((long)error.TotalMilliseconds));
        Judge.Counts.ClockJumps++;
        Trace($"the server's clock says {Clock.OfServer:HH:mm:ss}");
    }

    private void Advance(TimeSpan by)
    {
        Clock.Advance(by);
        if (Clock.Now - _sweptAt >= SweepInterval)
        {
            _sweptAt = Clock.Now;
            MarkClosing(socket => socket.ExpiresAt <= Clock.OfServer);
            Server.Hub.CloseExpired(Clock.OfServer);
        }

        foreach (var socket in _sockets.Where(socket => !socket.IsBroken && Clock.Now - socket.VanishedAt >= SilentPeerEnd))
        {
            Trace($"{socket} no longer answers");
            socket.Break();
        }
    }

    private void MarkClosing(Predicate<SimulatedSocket> condition)
    {
        foreach (var socket in _sockets.Where(socket => socket.Conversation.IsRegistered && condition(socket)))
        {
            socket.Conversation.IsClosing = true;
        }
    }

    /// <summary>What the server has finished with, a device notices once it has read what still comes.</summary>
    private void Tidy()
    {
        for (var i = _sockets.Count - 1; i >= 0; i--)
        {
            var socket = _sockets[i];
            if ((socket.IsServerDone || socket.IsBroken) && !socket.CanDeliverToClient && socket.Device.Socket == socket)
            {
                Trace($"{socket} notices that it is over");
                socket.Device.Disconnected();
            }

            if (socket.IsServerDone && socket.Device.Socket != socket)
            {
                _sockets.RemoveAt(i);
            }
        }
    }

    /// <summary>All that is in memory is gone; the server starts again on what the disk has.</summary>
    private void Crash(string why)
    {
        Trace($"crash: {why}");
        Server.Scheduler.Kill();
        foreach (var socket in _sockets)
        {
            socket.Break();
            if (socket.Device.Socket == socket)
            {
                socket.Device.Disconnected();
            }
        }

        Disk.Crash();
        Start();
    }

    private void Start()
    {
        _sockets.Clear();
        Clock.ForgetTimers();
        Server = new Server(this);
        SynchronizationContext.SetSynchronizationContext(Server.Scheduler);
        Judge.Restarted(Disk);
    }

    /// <summary>An orderly end: everybody is told, what waits is committed.</summary>
    private void StopAndStart()
    {
        Trace("the server stops");
        MarkClosing(_ => true);
        Server.Hub.Stop();
        _isCalm = true;
        for (var i = 0; _sockets.Exists(socket => !socket.IsServerDone); i++)
        {
            if (i > StepsToRestMax)
            {
                Judge.Fail($"the server does not stop: {_sockets.Find(socket => !socket.IsServerDone)} is still served");
                break;
            }

            MoveOn();
        }

        _isCalm = false;
        Commit();
        foreach (var device in _devices)
        {
            device.Disconnected();
        }

        Start();
    }

    /// <summary>No more troubles, no more presses: everything that can move moves, until nothing does.</summary>
    private void ComeToRest()
    {
        Trace("coming to rest");
        _isCalm = true;
        Judge.Counts.Rests++;
        _sockets.ForEach(socket => socket.IsStalled = false);
        MoveOnToRest();
        Advance(SweepInterval); // a token may have expired while its connection was being accepted
        MoveOnToRest();
        foreach (var socket in _sockets.Where(_ => Judge.Violation is null))
        {
            Judge.AtRest(socket);
        }

        foreach (var device in _devices.Where(_ => Judge.Violation is null))
        {
            RequireNothingLost(device);
        }

        Trace("at rest");
        _isCalm = false;
    }

    private void MoveOnToRest()
    {
        for (var i = 0; Judge.Violation is null && !IsAtRest(); i++)
        {
            _step++;
            Judge.Require(i < StepsToRestMax, $"it does not come to rest: {_devices.Find(one => one.Socket is null || one.IsWaiting)} waits, {_sockets.Find(one => one.Device.Socket != one)} is still served");
            foreach (var device in _devices)
            {
                if (device.Socket is null && device.ConnectAt <= Clock.Now)
                {
                    device.Connect();
                }

                device.Flush();
            }

            MoveOn();
        }
    }

    private bool IsAtRest()
    {
        if (!IsStill())
        {
            return false;
        }

        Commit(); // of what still waits; when nothing did, nothing moves now
        return IsStill();
    }

    private bool IsStill() =>
        Server.Scheduler.Count == 0
        && _devices.TrueForAll(device => device.Socket is not null && !device.IsWaiting)
        && _sockets.TrueForAll(socket => !socket.IsServerDone && socket.Device.Socket == socket && !socket.CanDeliverToServer && !socket.CanDeliverToClient);

    /// <summary>One step of what happens by itself; time passes only when nothing else can happen.</summary>
    private void MoveOn()
    {
        var toServer = Pick(socket => socket.CanDeliverToServer);
        var toClient = Pick(socket => socket.CanDeliverToClient);
        switch (Choose([Server.Scheduler.Count > 0 ? 4 : 0, toServer is null ? 0 : 2, toClient is null ? 0 : 2, 1]))
        {
            case 0:
                Server.Scheduler.RunOne();
                break;
            case 1:
                toServer!.DeliverToServer();
                break;
            case 2:
                toClient!.DeliverToClient();
                break;
            default:
                Commit();
                if (Server.Scheduler.Count == 0 && toServer is null && toClient is null)
                {
                    Advance(SweepInterval);
                }

                break;
        }

        Tidy();
    }

    private void RequireNothingLost(Device device)
    {
        var model = Judge.ModelOf(device.UserId);
        var current = model.Read();
        Judge.Require(
            device.Shown == (current.Id, current.IsRunning, current.Version), $"{device} shows {device.Shown}, the model has {current}");
        foreach (var press in device.Confirmed)
        {
            var run = model.Find(press.Id);
            var isThere = press.Kind == MessageKind.Start ? run is not null : run?.StoppedAt is not null;
            Judge.Require(isThere, $"{device}: {press.Text} was confirmed and is lost");
        }

        foreach (var (id, (last, since)) in device.Toggled)
        {
            var run = model.Find(id);
            var isThere = last == MessageKind.Start ? run is not null : run?.StoppedAt is not null;
            Judge.Require(isThere || Clock.Now - since > PressAgeSafe, $"{device}: {last} of {id} was pressed and is lost");
        }
    }

    private TimeSpan ClockError() => Profile.ClockErrors && Random.Next(2) == 0
        ? TimeSpan.FromMilliseconds(Random.Next(-5_000_000, 5_000_000))
        : TimeSpan.Zero;
}
