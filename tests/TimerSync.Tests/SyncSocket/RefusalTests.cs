using System.Net.WebSockets;
using System.Text;

namespace TimerSync.Tests.SyncSocket;

/// <summary>
/// CONTRACT.md, sections 3 and 6: a message that makes no sense is answered to its sender alone, changes nothing, and leaves
/// the connection open.
/// </summary>
public sealed class RefusalTests(SharedServer shared, RefusalTests.Somebody somebody) : IClassFixture<RefusalTests.Somebody>
{
    private const string Id = "6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d";

    public static TheoryData<string> BadRequests { get; } =
    [
        // Not an object.
        "", " ", "nonsense", "null", "true", "42", "-1e5", "\"ping\"", "[]", "[{\"action\":\"ping\"}]",
        // Nearly JSON.
        "{", "{\"action\":\"ping\"", "{\"action\":\"ping\"}}", "{\"action\":\"ping\"}{\"action\":\"ping\"}", "{\"action\":\"ping\",}", "{'action':'ping'}",
        "{action:\"ping\"}", "{\"action\":\"ping\"}//", "/**/{\"action\":\"ping\"}", "{\"action\":\"ping\",\"sent_at\":01}", "{\"action\":\"ping\",\"sent_at\":NaN}",
        "\ufeff{\"action\":\"ping\"}", "{\"action\":\"pi\nng\"}", "\0", "{\"action\":\"ping\"}\0",
        // No string for an action.
        "{}", "{\"action\":null}", "{\"action\":1}", "{\"action\":true}", "{\"action\":[\"ping\"]}", "{\"action\":{\"ping\":1}}", "{\"Action\":\"ping\"}",
        "{\"action\":\"\\ud800\"}", "{\"action\":\"ping\\udc00\"}",
        // Deeper than any command.
        "{\"action\":\"ping\",\"deep\":" + new string('[', 200) + new string(']', 200) + "}",
        new string('[', 4096), "{\"a\":" + new string('[', 2000),
        // A ping's number.
        "{\"action\":\"ping\",\"sent_at\":\"2025-09-15T20:15:00Z\"}", "{\"action\":\"ping\",\"sent_at\":{}}", "{\"action\":\"ping\",\"sent_at\":true}",
        // No id, or none that is a UUID.
        "{\"action\":\"timer_start\"}", "{\"action\":\"timer_stop\"}",
        .. WithId("null"), .. WithId("7"), .. WithId("[]"), .. WithId("{}"), .. WithId("true"), .. WithId("\"\""), .. WithId("\"x\""),
        .. WithId($"\"{{{Id}}}\""), .. WithId($"\"({Id})\""), .. WithId($"\"{Id.Replace("-", "", StringComparison.Ordinal)}\""),
        .. WithId($"\" {Id}\""), .. WithId($"\"{Id} \""), .. WithId($"\"{Id}0\""), .. WithId($"\"{Id[1..]}\""), .. WithId($"\"urn:uuid:{Id}\""),
        .. WithId($"\"{Id.Replace('-', '_')}\""), .. WithId($"\"{Id.Replace('6', 'g')}\""), .. WithId($"\"{Id.Replace("6f0c", "0x6f", StringComparison.Ordinal)}\""),
        .. WithId($"\"{Id.Replace("6f0c", "+6f0", StringComparison.Ordinal)}\""), .. WithId($"\"{Id.Replace('1', '\u0661')}\""), .. WithId($"\"{Id}\\u0000\""),
        .. WithId("\"{0x6f0c1b9e,0x3d0a,0x4b52,{0x9f,0x1e,0x0d,0x6f,0x7a,0x1c,0x2b,0x3d}}\""), .. WithId("\"\\ud83d\""),
        // Other fields of the wrong type.
        .. With("user_id", "7", "[]", "{}", "false"), .. With("started_at", "1757967300123", "true", "[]", "{}"), .. With("sent_at", "1757967300123", "false", "[\"x\"]", "{}"),
        $$"""{"action":"timer_stop","id":"{{Id}}","stopped_at":1757967300123}""", $$"""{"action":"timer_stop","id":"{{Id}}","stopped_at":[]}""",
    ];

    public static TheoryData<string> UnknownActions { get; } =
        ["", "Ping", "timer_started", "timer_start ", "TIMER_START", "\0", "<script>alert('1')</script>", "\" onload=\"x", "&lt;b&gt;", "ünï©ode 🕰"];

    [Theory]
    [MemberData(nameof(BadRequests))]
    public Task Bad_request(string message) => RefuseAsync("bad_request", client => client.SendTextAsync(message));

    [Theory]
    [MemberData(nameof(UnknownActions))]
    public async Task Unknown_action_is_echoed_as_it_was_sent(string action)
    {
        var error = await RefuseAsync("unknown_action", client => client.SendAsync(new { action, id = action }));
        Assert.Equal(action, error.Action);
        Assert.Equal(action, error.Id);
    }

    [Theory]
    [InlineData("<img src=x onerror=alert(1)>")]
    [InlineData("\"><script>alert(1)</script>")]
    [InlineData("' onmouseover='x")]
    [InlineData("&quot;&#39;&lt;")]
    [InlineData("</p><p id=\"timer\">")]
    public async Task Hostile_text_is_echoed_encoded(string hostile)
    {
        // The strict reader of fragments fails on an element, attribute or quote that got through.
        var error = await RefuseAsync("bad_request", client => client.SendAsync(new { action = "timer_start", id = hostile }));
        Assert.Equal("timer_start", error.Action);
        Assert.Equal(hostile, error.Id);
    }

    [Fact]
    public async Task A_binary_message_is_bad_request_even_with_good_text_in_it()
    {
        var good = Encoding.UTF8.GetBytes($$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}"}""");
        await RefuseAsync("bad_request", client => client.SendBytesAsync(good, WebSocketMessageType.Binary));
        await RefuseAsync("bad_request", client => client.SendBytesAsync(Array.Empty<byte>(), WebSocketMessageType.Binary));
    }

    /// <summary>JSON leaves the meaning open, and so does the contract. What counts is that there is one answer.</summary>
    [Fact]
    public async Task A_member_that_is_there_twice_is_answered_once()
    {
        await using var client = await somebody.User.OpenAsync();

        await client.SendTextAsync("""{"action":"timer_start","action":"ping","sent_at":1,"sent_at":2}""");

        Assert.Equal("2", (await client.ReceiveEventAsync()).SentAt); // the last one counts
        await client.AssertNothingArrivesBeforePongAsync();
    }

    [Fact]
    public async Task An_escape_is_the_character_that_it_stands_for()
    {
        await using var client = await somebody.User.OpenAsync();
        await client.SendTextAsync("""{"\u0061ction":"\u0070ing","sent_at":5}""");
        Assert.Equal("5", (await client.ReceiveEventAsync()).SentAt);
    }

    private static string[] WithId(string id) =>
        [$$"""{"action":"timer_start","id":{{id}}}""", $$"""{"action":"timer_stop","id":{{id}}}"""];

    private static string[] With(string field, params string[] values) =>
        Array.ConvertAll(values, value => $$"""{"action":"timer_start","id":"{{Id}}","{{field}}":{{value}}}""");

    /// <summary>Sends the same on both subprotocols and checks all that an error promises.</summary>
    private async Task<WireEvent> RefuseAsync(string code, Func<SocketClient, Task> send)
    {
        Assert.NotNull(shared);
        var errors = new List<WireEvent>();
        await using var other = await somebody.User.OpenAsync();
        foreach (var subprotocol in new[] { SocketClient.Json, SocketClient.Html })
        {
            await using var client = await somebody.User.ConnectAsync(subprotocol);
            Assert.Equal(0, (await client.ReceiveTimerAsync()).Version); // whatever was refused before

            await send(client);

            errors.Add(await client.ReceiveErrorAsync(code));
            await client.AssertNothingArrivesBeforePongAsync();
            await other.AssertNothingArrivesBeforePongAsync();
        }

        Assert.Equal(errors[0], errors[1]);
        return errors[0];
    }

    /// <summary>One user for all of these: none of them may change anything.</summary>
    public sealed class Somebody(SharedServer shared) : IAsyncLifetime
    {
        public TestUser User { get; private set; } = null!;

        public async ValueTask InitializeAsync() => User = await TestUser.SignUpAsync(shared.Server);

        public async ValueTask DisposeAsync() => Assert.Equal(0, (long?)(await User.GetTimerAsync())["version"]);
    }
}
