using System.Diagnostics;
using System.Text;
using TimerSync.Nemesis;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.Hostile;

/// <summary>Random input. The seed is in the name of what fails, and printed: put it into <see cref="Seed"/> to see it again.</summary>
public sealed class FuzzTests(HostileServer hostile)
{
    private const int Handshakes = 200;
    private const int FrameConnections = 200;
    private const int FramesPerConnection = 20;
    private const int JsonMessages = 20_000;
    private const int JsonMessagesAtOnce = 100;

    private static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1e400", "\"\"", "{}", "[]", "[[[[[[[[]]]]]]]]", "\"\\ud800\"", "\"\\u0000\"", "\"ß😀\"", "\"timer_start\"", "\"timer_stop\"",
        "\"ping\"", "\"2025-09-15T20:15:00Z\"", "\"9999-12-31T23:59:59.9999999-23:59\"", "\"0001-01-01T00:00:00+23:59\"", "\"2025-02-30T00:00:00Z\"",
        "123456789012345678901234567890", "\"00000000-0000-0000-0000-000000000000\"", "\"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\"", "\"u_0\"",
    ];

    private static readonly string[] Names = ["action", "id", "user_id", "started_at", "stopped_at", "sent_at", "", "\\u0061ction", "unknown"];

    private readonly Random _random = new(Seed);

    private static int Seed { get; } = Environment.TickCount;

    [Fact]
    public async Task Random_bytes_for_a_handshake_hurt_nobody()
    {
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {Seed}");
        var valid = Encoding.ASCII.GetBytes(FrameClient.Handshake(hostile.Attacker, SocketClient.Json));
        for (var i = 0; i < Handshakes; i++)
        {
            await using var client = await FrameClient.ConnectAsync(hostile.Server);
            await client.TrySendAsync(_random.Next(3) == 0 ? RandomBytes(2000) : Mutate(valid));
        }

        await hostile.AssertServesOthersAsync();
    }

    [Fact]
    public async Task Random_frames_end_their_connection_or_are_answered()
    {
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {Seed}");
        for (var i = 0; i < FrameConnections; i++)
        {
            await using var client = await FrameClient.OpenAsync(hostile.Attacker, i % 2 == 0 ? SocketClient.Json : SocketClient.Html);
            for (var j = 0; j < FramesPerConnection && await client.TrySendAsync(RandomFrame().ToBytes()); j++)
            {
            }

            await Task.WhenAny(client.ReceiveCloseAsync(), Task.Delay(_random.Next(20), TestContext.Current.CancellationToken));
        }

        await hostile.AssertServesOthersAsync();
    }

    [Theory]
    [InlineData(SocketClient.Json)]
    [InlineData(SocketClient.Html)]
    public async Task Mutated_JSON_is_answered_message_by_message_and_the_state_follows_the_rule(string subprotocol)
    {
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {Seed}");
        var user = await TestUser.SignUpAsync(hostile.Server);
        await using var client = await SocketClient.ConnectAsync(hostile.Server, user.Token, subprotocol);
        var runs = Enumerable.Range(0, 50).Select(_ => Guid.NewGuid()).ToArray();
        var since = Stopwatch.GetTimestamp();
        for (var sent = 0; sent < JsonMessages; sent += JsonMessagesAtOnce)
        {
            for (var i = 0; i < JsonMessagesAtOnce; i++)
            {
                await client.SendTextAsync(RandomMessage(user.Id, runs[_random.Next(runs.Length)]));
            }

            // Answered in order: when this one's answer is there, all others have been.
            await client.SendTextAsync($$"""{"action":"ping","sent_at":{{sent}}.25}""");
            var answers = 0;
            while (!(await client.ReceiveTextAsync()).Contains($"{sent}.25", StringComparison.Ordinal))
            {
                answers++;
            }

            Assert.InRange(answers, 0, 2 * JsonMessagesAtOnce);
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{JsonMessages / Stopwatch.GetElapsedTime(since).TotalSeconds:F0} messages a second");
        await AssertFollowsTheRuleAsync(user);
        await hostile.AssertServesOthersAsync();
    }

    /// <summary>What is shown is what the contract's rule makes of the stored runs.</summary>
    private async Task AssertFollowsTheRuleAsync(TestUser user)
    {
        var timer = await user.GetTimerAsync();
        using var database = hostile.Server.OpenDatabase();
        var stored = StoredTimers.Read(database)[user.Id];
        var model = stored.Rows.Values.Aggregate(TimerModel.Empty, (runs, row) =>
            row.StoppedAt is { } stoppedAt ? runs.Start(row.Id, row.StartedAt).Stop(row.Id, stoppedAt) : runs.Start(row.Id, row.StartedAt));

        Assert.Equal(stored.Version, (long?)timer["version"]);
        Assert.Equal(model.Current?.Id.ToString("D"), (string?)timer["id"]);
        Assert.Equal(model.Current is { StoppedAt: null } ? "running" : "stopped", (string?)timer["status"]);
        Assert.True(stored.Rows.Values.Count(row => row.IsRunning) <= 1);
        Assert.True(stored.Version >= model.Version);
    }

    private string RandomMessage(string userId, Guid run)
    {
        var action = _random.Next(2) == 0 ? "start" : "stop";
        var at = DateTimeOffset.UtcNow.AddSeconds(-_random.Next(100_000)).ToString("O");
        var valid = _random.Next(3) switch
        {
            0 => $$"""{"action":"timer_{{action}}","id":"{{run}}"}""",
            1 => $$"""{"action":"timer_{{action}}","id":"{{run}}","user_id":"{{userId}}","{{(action == "start" ? "started" : "stopped")}}_at":"{{at}}","sent_at":"{{at}}"}""",
            _ => """{"action":"ping","sent_at":1757967300123}""",
        };
        return _random.Next(5) switch
        {
            0 => valid,
            1 => $"{{{string.Join(',', Enumerable.Range(0, _random.Next(8)).Select(_ => $"\"{Names[_random.Next(Names.Length)]}\":{Values[_random.Next(Values.Length)]}"))}}}",
            2 => valid.Replace("\"" + Names[_random.Next(6)] + "\"", "\"" + Names[_random.Next(Names.Length)] + "\"", StringComparison.Ordinal),
            3 => Values[_random.Next(Values.Length)],
            _ => Encoding.ASCII.GetString([.. Mutate(Encoding.ASCII.GetBytes(valid)).Select(one => (byte)(one & 0x7f))]),
        };
    }

    private Frame RandomFrame() => new(_random.Next(3) > 0 ? _random.Next(3) : _random.Next(16), RandomBytes(_random.Next(10) == 0 ? 5000 : 200))
    {
        IsFinal = _random.Next(4) > 0,
        ReservedBits = _random.Next(10) == 0 ? _random.Next(8) : 0,
        IsMasked = _random.Next(20) > 0,
        LengthBits = (LengthBits)_random.Next(3),
        DeclaredLength = _random.Next(20) == 0 ? (ulong)_random.NextInt64() : null,
    };

    private byte[] RandomBytes(int lengthMax)
    {
        var bytes = new byte[_random.Next(lengthMax)];
        _random.NextBytes(bytes);
        if (_random.Next(2) == 0)
        {
            Array.ConvertAll(bytes, one => (byte)(one & 0x7f)).CopyTo(bytes, 0);
        }

        return bytes;
    }

    private byte[] Mutate(byte[] valid)
    {
        var bytes = new List<byte>(valid);
        for (var i = _random.Next(1, 6); i > 0 && bytes.Count > 0; i--)
        {
            var at = _random.Next(bytes.Count);
            switch (_random.Next(4))
            {
                case 0: bytes[at] = (byte)_random.Next(256); break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.InsertRange(at, bytes.Skip(at).Take(_random.Next(20)).ToArray()); break;
                default: bytes.RemoveRange(at, _random.Next(bytes.Count - at)); break;
            }
        }

        return [.. bytes];
    }
}
