using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Simulation;

/// <summary>One life of the server, from start to crash: the real hub, writer and connection loops on simulated ground.</summary>
internal sealed class Server
{
    private static readonly JsonSubprotocol Json = new();

    private readonly World _world;
    private readonly IOptions<SocketOptions> _options;
    private readonly SeededPipeScheduler _sending;

    public Server(World world)
    {
        _world = world;
        Scheduler = new SeededScheduler(world.Random);
        _sending = new SeededPipeScheduler(Scheduler);
        _options = Options.Create(world.Profile.Limits);
        Writer = new TimerWriter(new SimulatedStore(world, world.Disk), Hub, Options.Create(new DatabaseOptions()), world.Clock, NullLogger<TimerWriter>.Instance);
    }

    public SeededScheduler Scheduler { get; }

    public ConnectionHub Hub { get; } = new();

    public TimerWriter Writer { get; }

    /// <summary>The token is checked, the upgrade is done; from here on it is the core's.</summary>
    public void Accept(SimulatedSocket socket) => Scheduler.Post(_ => _ = ServeAsync(socket), state: null);

    private async Task ServeAsync(SimulatedSocket socket)
    {
        var ground = new Ground(_world, socket);
        var loop = new ConnectionLoop(Hub, Writer, ground, ground, _options, _sending, _world.Clock, new FailingLogger(_world));
        try
        {
            await loop.RunAsync(
                new AcceptedSocket(socket, new ConnectionStart(Json, socket.UserId, socket.SessionId, socket.ExpiresAt), Transport: null), CancellationToken.None);
        }
        catch (Exception exception)
        {
            _world.Judge.Fail($"{socket}: its loop ended with {exception}");
        }

        socket.IsServerDone = true;
        _world.Trace($"{socket} is done");
    }

    /// <summary>The database as one connection's loop sees it: slow, sometimes failing.</summary>
    private sealed class Ground(World world, SimulatedSocket socket) : ITimerReader, ILoginSessions
    {
        public async Task<bool> ExistsAsync(string sessionId, string userId, CancellationToken cancellationToken)
        {
            socket.Conversation.IsRegistered = true;
            await PauseAsync();
            var exists = world.Sessions.Contains(sessionId);
            await PauseAsync();
            return exists;
        }

        public async Task<TimerSnapshot> ReadAsync(string userId, CancellationToken cancellationToken)
        {
            await PauseAsync();
            if (world.Chance(world.Profile.ReadFails))
            {
                world.Trace($"{socket}: the read fails");
                throw new SimulatedDbException();
            }

            var snapshot = await world.Disk.ReadAsync(userId);
            await PauseAsync();
            socket.Conversation.IsOpen = true;
            return snapshot;
        }

        private async Task PauseAsync()
        {
            for (var i = world.Random.Next(3); i > 0; i--)
            {
                await Task.Yield();
            }
        }
    }

    /// <summary>The connection logs only what is our own fault.</summary>
    private sealed class FailingLogger(World world) : ILogger<Connection>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                world.Judge.Fail($"{formatter(state, exception)}: {exception}");
            }
        }
    }
}
