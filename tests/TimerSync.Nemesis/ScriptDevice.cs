using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace TimerSync.Nemesis;

/// <summary>
/// A script: one request per press, and reads in between. Its clock is wrong and jumps: it tells the server what it takes
/// for now, so that right times are stored.
/// </summary>
internal sealed class ScriptDevice(Person person, string name, HttpClient client, int seed)
{
    private const int TryLater = 503;
    private const int OldPressMilliseconds = 5 * 60 * 1000;

    private static readonly TimeSpan[] ClockErrors =
    [
        TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromHours(-1), TimeSpan.FromMinutes(7), TimeSpan.FromMinutes(-7), TimeSpan.FromHours(-5.5),
    ];

    private readonly Random _random = new(seed);
    private Guid? _running;
    private long _runningSince;
    private TimeSpan _clockError;
    private bool _isUnreachable;

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (person.HasOperationsLeft)
        {
            await Task.Delay(_random.Next(30), cancellationToken);
            if (_random.Next(20) == 0)
            {
                _clockError = ClockErrors[_random.Next(ClockErrors.Length)];
            }

            switch (_random.Next(4))
            {
                case 0: await ReadAsync(cancellationToken); break;
                case 1: await RepeatAsync(person.History.AnyOperation(_random), cancellationToken); break;
                default: await ToggleAsync(cancellationToken); break;
            }

            while (_isUnreachable && !await ReadAsync(cancellationToken))
            {
                await Task.Delay(_random.Next(100), cancellationToken);
            }
        }
    }

    /// <returns>Whether there was an answer.</returns>
    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        var newestBefore = person.History.NewestVersion;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/timers");
        var (status, body) = await SendAsync(request, cancellationToken);
        if (status == 200)
        {
            person.History.See($"{name} GET", WireFormat.ReadSnapshot(body!), newestBefore);
        }

        return status is not null;
    }

    /// <summary>Sends what another device has sent: the same id, the same time.</summary>
    private async Task RepeatAsync(Operation? earlier, CancellationToken cancellationToken)
    {
        if (earlier is not null)
        {
            var operation = person.History.Add(name, earlier.Kind, earlier.RunId, earlier.PressedAt);
            var command = WireFormat.Write(earlier.Kind, earlier.RunId.ToString("D"), earlier.PressedAt);
            int? status;
            do
            {
                status = await PostAsync(operation, command, cancellationToken);
            }
            while (status is null or TryLater && _random.Next(2) == 0); // a script may try again, or never come back

            if (status == TryLater)
            {
                person.History.Refuse(operation, "unavailable");
            }
        }
    }

    /// <summary>A run of its own, which no other device stops: so the database tells which time its stop was given.</summary>
    private async Task ToggleAsync(CancellationToken cancellationToken)
    {
        var wasOffline = _random.Next(4) == 0;
        var at = Now - (wasOffline ? _random.Next(OldPressMilliseconds) : 0);
        var operation = _running is { } run
            ? person.History.Add(name, OperationKind.Stop, run, Math.Max(at, _runningSince), isExact: false)
            : person.History.Add(name, OperationKind.Start, Guid.NewGuid(), at, isExact: false, isPrivate: true);
        var (pressedAt, sentAt) = (operation.PressedAt + (long)_clockError.TotalMilliseconds, Now + (long)_clockError.TotalMilliseconds);
        if (await PostAsync(operation, WireFormat.Write(operation.Kind, operation.RunId.ToString("D"), pressedAt, sentAt), cancellationToken) == TryLater)
        {
            person.History.Refuse(operation, "unavailable");
        }

        // One start and one stop each: a second sending would be given a slightly different time.
        var isRunning = operation.Kind == OperationKind.Start && operation.Outcome != Outcome.Refused;
        _running = isRunning ? operation.RunId : null;
        _runningSince = operation.PressedAt;
    }

    /// <returns>The status; null when there was no answer.</returns>
    private async Task<int?> PostAsync(Operation operation, string command, CancellationToken cancellationToken)
    {
        person.History.Invoke(operation);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/timers") { Content = new StringContent(command) };
        var (status, body) = await SendAsync(request, cancellationToken);
        if (status == 200)
        {
            var timer = WireFormat.ReadSnapshot(body!);
            person.History.See($"{name} POST #{operation.Number}", timer, operation.VersionBefore);
            person.History.Confirm(operation, timer.Version);
        }
        else if (status is null)
        {
            operation.HasUnansweredCopy = true;
        }
        else if (status != TryLater)
        {
            person.History.Refuse(operation, (string?)body?["code"] ?? $"status {status}");
        }

        return status;
    }

    /// <returns>No status when there was no answer.</returns>
    private async Task<(int? Status, JsonNode? Body)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", person.Account.Token);
        try
        {
            using var answer = await client.SendAsync(request, cancellationToken);
            _isUnreachable = false;
            return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken)));
        }
        // HttpClient lets the second one through as it is, when a connection breaks in the moment in which it was made.
        catch (Exception exception) when (exception is HttpRequestException or SocketException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            _isUnreachable = true;
            return (null, null);
        }
    }
}
