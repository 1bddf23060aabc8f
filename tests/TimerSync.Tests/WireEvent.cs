using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TimerSync.Tests;

/// <summary>
/// One event of the server, the same whichever subprotocol carried it, so that one theory covers both. Reading is strict:
/// exactly the members of the contract, or exactly one element with the contract's id.
/// </summary>
public sealed partial record WireEvent
{
    public const string TimerUpdated = "timer_updated";
    public const string Error = "error";
    public const string Pong = "pong";

    private static readonly string[] TimerMembers =
        ["id", "user_id", "status", "started_at", "stopped_at", "updated_at", "version", "epoch", "server_time"];

    public required string Name { get; init; }

    public string? UserId { get; init; }

    public string? Id { get; init; }

    public string? Status { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? StoppedAt { get; init; }

    public long Version { get; init; }

    public string? Epoch { get; init; }

    public DateTimeOffset ServerTime { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }

    public string? Action { get; init; }

    /// <summary>A pong's <c>sent_at</c>, as it is written there; null for null.</summary>
    public string? SentAt { get; init; }

    public static WireEvent FromJson(string text)
    {
        var root = JsonNode.Parse(text)!.AsObject();
        AssertMembers(root, "event", "payload");
        var payload = root["payload"]!.AsObject();
        var name = (string)root["event"]!;
        switch (name)
        {
            case TimerUpdated:
                AssertMembers(payload, TimerMembers);
                return new WireEvent
                {
                    Name = name,
                    Id = (string?)payload["id"],
                    UserId = (string?)payload["user_id"],
                    Status = (string?)payload["status"],
                    StartedAt = Time(payload["started_at"]),
                    StoppedAt = Time(payload["stopped_at"]),
                    Version = (long)payload["version"]!,
                    Epoch = (string?)payload["epoch"],
                    ServerTime = Time(payload["server_time"])!.Value,
                };
            case Error:
                AssertMembers(payload, "code", "message", "action", "id");
                return new WireEvent
                {
                    Name = name,
                    Code = (string?)payload["code"],
                    Message = (string?)payload["message"],
                    Action = (string?)payload["action"],
                    Id = (string?)payload["id"],
                };
            case Pong:
                AssertMembers(payload, "sent_at", "server_time");
                return new WireEvent { Name = name, SentAt = payload["sent_at"]?.ToJsonString(), ServerTime = Time(payload["server_time"])!.Value };
            default:
                throw new FormatException($"No event of the contract: {text}");
        }
    }

    public static WireEvent FromHtml(string text)
    {
        var root = HtmlFragment.Parse(text);
        Assert.Equal("outerMorph", root["hx-swap-oob"]);
        return root["id"] switch
        {
            "timer" => new WireEvent
            {
                Name = TimerUpdated,
                Id = root.GetValueOrDefault("data-id"),
                UserId = root["data-user-id"],
                Status = root["data-status"],
                StartedAt = Milliseconds(root.GetValueOrDefault("data-started-at")),
                StoppedAt = Milliseconds(root.GetValueOrDefault("data-stopped-at")),
                Version = long.Parse(root["data-version"], CultureInfo.InvariantCulture),
                Epoch = root["data-epoch"],
                ServerTime = Milliseconds(root["data-server-time"])!.Value,
            },
            "error" => new WireEvent
            {
                Name = Error,
                Code = root["data-code"],
                Message = root[HtmlFragment.Text],
                Action = root.GetValueOrDefault("data-action"),
                Id = root.GetValueOrDefault("data-id"),
            },
            "pong" => new WireEvent
            {
                Name = Pong,
                SentAt = root.GetValueOrDefault("data-sent-at"),
                ServerTime = Milliseconds(root["data-server-time"])!.Value,
            },
            var id => throw new FormatException($"No element of the contract: {id}"),
        };
    }

    private static void AssertMembers(JsonObject json, params string[] names) => Assert.Equal(
        names.Order(StringComparer.Ordinal), json.Select(member => member.Key).Order(StringComparer.Ordinal), StringComparer.Ordinal);

    private static DateTimeOffset? Time(JsonNode? node)
    {
        if (node is null)
        {
            return null;
        }

        var text = (string)node!;
        Assert.Matches(RfcMilliseconds(), text);
        return DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
    }

    private static DateTimeOffset? Milliseconds(string? text) =>
        text is null ? null : DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(text, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RfcMilliseconds();
}

/// <summary>Reads the small, strict part of HTML that fragments are made of. Anything else is an error.</summary>
internal static partial class HtmlFragment
{
    /// <summary>The key under which <see cref="Parse"/> returns the text of the fragment.</summary>
    public const string Text = "";

    /// <returns>The attributes of the one top-level element, decoded, and its text.</returns>
    public static IReadOnlyDictionary<string, string> Parse(string html)
    {
        Dictionary<string, string>? root = null;
        var open = new Stack<string>();
        var text = new System.Text.StringBuilder();
        var at = 0;
        foreach (Match tag in Tag().Matches(html))
        {
            text.Append(TextOf(html[at..tag.Index]));
            at = tag.Index + tag.Length;
            var name = tag.Groups["name"].Value;
            if (tag.Groups["end"].Success)
            {
                Assert.Equal(open.Pop(), name);
                continue;
            }

            if (open.Count == 0)
            {
                Assert.True(root is null, $"More than one top-level element: {html}");
                root = AttributesOf(tag);
            }

            open.Push(name);
        }

        text.Append(TextOf(html[at..]));
        Assert.Empty(open);
        Assert.NotNull(root);
        root[Text] = text.ToString().Trim();
        return root;
    }

    private static Dictionary<string, string> AttributesOf(Match tag)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < tag.Groups["key"].Captures.Count; i++)
        {
            attributes.Add(tag.Groups["key"].Captures[i].Value, WebUtility.HtmlDecode(tag.Groups["value"].Captures[i].Value));
        }

        return attributes;
    }

    private static string TextOf(string html)
    {
        Assert.True(html.IndexOfAny(['<', '>']) < 0, $"Not encoded: {html}");
        return WebUtility.HtmlDecode(html);
    }

    // A boolean attribute has an empty value, so that keys and values stay in step.
    [GeneratedRegex("""<(?<end>/)?(?<name>[a-z]+)(\s+(?<key>[a-z-]+)(="(?<value>[^"<>]*)"|(?<value>)))*\s*>""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tag();
}

/// <summary>Events of either subprotocol, for tests that run on both.</summary>
internal static class WireEvents
{
    /// <summary>The subprotocols that every theory about events runs on.</summary>
    public static TheoryData<string> Subprotocols { get; } = [SocketClient.Json, SocketClient.Html];

    /// <summary>Connects and reads the first message.</summary>
    public static async Task<SocketClient> OpenAsync(this TestUser user, string? subprotocol = null)
    {
        var client = await user.ConnectAsync(subprotocol);
        await client.ReceiveTimerAsync();
        return client;
    }

    public static async Task<WireEvent> ReceiveEventAsync(this SocketClient client)
    {
        var text = await client.ReceiveTextAsync();
        return client.Socket.SubProtocol == SocketClient.Html ? WireEvent.FromHtml(text) : WireEvent.FromJson(text);
    }

    /// <summary>The next event, which must be a timer.</summary>
    public static Task<WireEvent> ReceiveTimerAsync(this SocketClient client) => client.ReceiveEventAsync(WireEvent.TimerUpdated);

    /// <summary>The next event, which must be an error of this code.</summary>
    public static async Task<WireEvent> ReceiveErrorAsync(this SocketClient client, string code)
    {
        var error = await client.ReceiveEventAsync(WireEvent.Error);
        Assert.Equal(code, error.Code);
        Assert.False(string.IsNullOrWhiteSpace(error.Message));
        return error;
    }

    /// <summary>Sends a ping whose pong must be the next event: nothing else was on its way to this client.</summary>
    public static async Task<WireEvent> AssertNothingArrivesBeforePongAsync(this SocketClient client)
    {
        await client.SendTextAsync("""{"action":"ping","sent_at":20250915}""");
        var pong = await client.ReceiveEventAsync(WireEvent.Pong);
        Assert.Equal("20250915", pong.SentAt);
        return pong;
    }

    private static async Task<WireEvent> ReceiveEventAsync(this SocketClient client, string name)
    {
        var received = await client.ReceiveEventAsync();
        Assert.True(name == received.Name, $"Expected {name}, got {received}");
        return received;
    }
}
