namespace TimerSync.Nemesis;

/// <summary>
/// A device on the socket. A page keeps its presses in an outbox and sends them again, with the same ids and times, until a
/// pong confirms them; a program may give up on one that was not answered, which leaves it open whether it was stored.
/// Each connection is to any one of the servers.
/// </summary>
internal sealed class SocketDevice(Person person, string name, Uri[] servers, string subprotocol, int seed, int pauseMilliseconds = 20)
{
    private const int OldPressMilliseconds = 10 * 60 * 1000;

    private static readonly TimeSpan PongTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LiveTimeout = TimeSpan.FromSeconds(15);

    private readonly Random _random = new(seed);
    private readonly List<Operation> _outbox = [];
    private Socket? _socket;
    private Snapshot? _newest;
    private int _sockets;

    /// <summary>The newest version on an open socket; null while there is none.</summary>
    public long? LiveVersion => _socket is { IsOpen: true } live ? live.Newest?.Version : null;

    private bool IsPage => subprotocol == WireFormat.HtmlSubprotocol;

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>Presses until the person's presses are made and all of this device's are settled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (person.HasOperationsLeft)
        {
            await PauseAsync(pauseMilliseconds, cancellationToken);
            Press();
            if (_random.Next(100) < 2)
            {
                await SpendTimeOfflineAsync(cancellationToken);
            }

            await FlushAsync(cancellationToken);
        }
    }

    /// <summary>Only looks on, until cancelled.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                await ConnectAsync(cancellationToken);
                await PauseAsync(maxMilliseconds: 200, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The wave is over.
        }
    }

    /// <summary>When nobody presses any more, the connection must come to the last version.</summary>
    /// <param name="readVersion">The stored one: what a program gave up on may be stored a little later.</param>
    /// <param name="cancellationToken">Of the wave.</param>
    public async Task FinishAsync(Func<Task<long>> readVersion, CancellationToken cancellationToken)
    {
        var deadline = History.Now + LiveTimeout.TotalMilliseconds;
        long version;
        do
        {
            await ConnectAsync(cancellationToken);
            version = await readVersion();
            if (await _socket!.PingAsync(PongTimeout) is { } receipt && receipt.Version == version)
            {
                await CloseAsync();
                return;
            }

            await PauseAsync(maxMilliseconds: 50, cancellationToken);
        }
        while (History.Now < deadline);

        person.History.Violate($"{name} never saw version {version}, only {_socket.Newest?.Version}");
        await CloseAsync();
    }

    private void Press()
    {
        switch (_random.Next(100))
        {
            case < 62: Toggle(); break;
            case < 70: Stop(person.History.AnyRun(_random), Now); break;
            case < 78: Start(Guid.NewGuid(), Now - _random.Next(OldPressMilliseconds)); break;
            case < 83: Start(person.History.AnyRun(_random), Now); break; // that id with another time
            case < 90: Repeat(person.History.AnyOperation(_random)); break;
            case < 93: Add(OperationKind.Stop, Guid.NewGuid(), Now, mustBeRefusedAs: "unknown_timer"); break;
            case < 95: Start(person.Stranger?.History.AnyStoredRun(), Now, mustBeRefusedAs: "id_taken"); break;
            case < 97: Start(Guid.NewGuid(), Now, mustBeRefusedAs: "wrong_user"); break;
            default: Start(Guid.NewGuid(), Now, mustBeRefusedAs: "bad_request"); break;
        }
    }

    /// <summary>The one button, by what this device knows: the newest snapshot, and its own presses that wait.</summary>
    private void Toggle()
    {
        var (id, isRunning) = (_newest?.State.Id, _newest?.State.IsRunning == true);
        foreach (var press in _outbox.Where(one => one.MustBeRefusedAs is null))
        {
            (id, isRunning) = press.Kind == OperationKind.Start ? (press.RunId, true) : (id, isRunning && press.RunId != id);
        }

        if (isRunning && person.History.IsShared(id!.Value))
        {
            Stop(id, Now);
        }
        else
        {
            Add(OperationKind.Start, Guid.NewGuid(), Now, isExact: IsPage || _random.Next(3) > 0);
        }
    }

    private void Start(Guid? run, long at, string? mustBeRefusedAs = null) => Add(OperationKind.Start, run, at, mustBeRefusedAs);

    private void Stop(Guid? run, long at) => Add(OperationKind.Stop, run, at);

    private void Repeat(Operation? earlier)
    {
        if (earlier is not null)
        {
            Add(earlier.Kind, earlier.RunId, earlier.PressedAt);
        }
    }

    private void Add(OperationKind kind, Guid? run, long at, string? mustBeRefusedAs = null, bool isExact = true)
    {
        // An error names a command by action and id: two of the same would be one to the outbox.
        if (run is { } id && !_outbox.Exists(one => one.Kind == kind && one.RunId == id))
        {
            _outbox.Add(person.History.Add(name, kind, id, at, isExact, mustBeRefusedAs));
        }
    }

    private async Task SpendTimeOfflineAsync(CancellationToken cancellationToken)
    {
        await CloseAsync();
        for (var i = _random.Next(8); i > 0 && person.HasOperationsLeft; i--)
        {
            await PauseAsync(maxMilliseconds: 30, cancellationToken);
            Press();
        }
    }

    /// <summary>Sends what waits until each of it is settled.</summary>
    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (_outbox.Count > 0)
        {
            await ConnectAsync(cancellationToken);
            foreach (var operation in _outbox)
            {
                person.History.Invoke(operation);
                await _socket!.SendAsync(Write(operation));
                if (_random.Next(20) == 0)
                {
                    operation.HasUnansweredCopy = true; // an error does not say which of them it is about
                    await _socket.SendAsync(Write(operation));
                }
            }

            if (await _socket!.PingAsync(PongTimeout) is not { } receipt)
            {
                await CloseAsync();
                _outbox.ForEach(operation => operation.HasUnansweredCopy = true);
                _outbox.RemoveAll(_ => !IsPage && _random.Next(2) == 0);
                continue;
            }

            _outbox.RemoveAll(operation => IsSettled(operation, receipt));
            if (_outbox.Count > 0)
            {
                await PauseAsync(maxMilliseconds: 200, cancellationToken);
            }
        }
    }

    private bool IsSettled(Operation operation, Socket.Receipt receipt)
    {
        var error = receipt.Errors.LastOrDefault(
            one => one.Action == WireFormat.Action(operation.Kind) && one.Id == operation.RunId.ToString("D"));
        if (error is null)
        {
            person.History.Confirm(operation, receipt.Version);
        }
        else if (error.Code is "unavailable" or "rate_limited")
        {
            return false;
        }
        else
        {
            person.History.Refuse(operation, error.Code);
        }

        return true;
    }

    private static string Write(Operation operation)
    {
        var id = operation.RunId.ToString("D");
        return operation.MustBeRefusedAs switch
        {
            "bad_request" => $$"""{"action":"timer_start","id":"{{id}}","started_at":"a moment ago"}""",
            "wrong_user" => $$"""{"action":"timer_start","id":"{{id}}","user_id":"u_0"}""",
            _ => WireFormat.Write(operation.Kind, id, operation.IsExact ? operation.PressedAt : null),
        };
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        while (_socket is not { IsOpen: true })
        {
            await CloseAsync();
            _socket = await Socket.OpenAsync(servers[_random.Next(servers.Length)], person.Account, person.History, $"{name}.{++_sockets}", subprotocol);
            await PauseAsync(maxMilliseconds: _socket is null ? 150 : 1, cancellationToken);
        }
    }

    private async Task CloseAsync()
    {
        if (_socket is not null)
        {
            await _socket.DisposeAsync();
            _newest = _socket.Newest ?? _newest;
            _socket = null;
        }
    }

    private Task PauseAsync(int maxMilliseconds, CancellationToken cancellationToken)
    {
        _newest = _socket?.Newest ?? _newest;
        return Task.Delay(_random.Next(maxMilliseconds + 1), cancellationToken);
    }
}
