using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TimerSync.Nemesis;

/// <summary>One message of the server: exactly one of the three is set.</summary>
/// <param name="Timer">A snapshot.</param>
/// <param name="Pong">The number that the ping carried.</param>
/// <param name="Error">A refusal.</param>
internal sealed record ServerMessage(Snapshot? Timer, long? Pong, WireError? Error);

internal sealed record WireError(string Code, string? Action, string? Id);

/// <summary>Reads what the server sends and writes what it is sent, with code of its own.</summary>
internal static partial class WireFormat
{
    public const string JsonSubprotocol = "timersync.v1.json";
    public const string HtmlSubprotocol = "timersync.v1.html";

    public static ServerMessage Read(string subprotocol, string text) =>
        subprotocol == HtmlSubprotocol ? ReadHtml(text) : ReadJson(JsonNode.Parse(text)!);

    /// <summary>The object of <c>GET /timers</c>.</summary>
    public static Snapshot ReadSnapshot(JsonNode timer) => new(
        (string)timer["user_id"]!,
        (string)timer["epoch"]!,
        (long)timer["version"]!,
        new State(
            (string?)timer["id"] is { } id ? Guid.Parse(id) : null,
            (string?)timer["status"] == "running",
            Milliseconds(timer["started_at"]), Milliseconds(timer["stopped_at"]), Milliseconds(timer["updated_at"])));

    /// <summary>A command as a client sends it.</summary>
    /// <param name="kind">Start or stop.</param>
    /// <param name="runId">Its run.</param>
    /// <param name="at">The press by the sender's clock; null leaves it to the server.</param>
    /// <param name="sentAt">Now by the sender's clock, where it says so.</param>
    public static string Write(OperationKind kind, string runId, long? at, long? sentAt = null)
    {
        var command = new JsonObject { ["action"] = Action(kind), ["id"] = runId };
        if (at is not null)
        {
            command[kind == OperationKind.Start ? "started_at" : "stopped_at"] = Time(at.Value);
        }

        if (sentAt is not null)
        {
            command["sent_at"] = Time(sentAt.Value);
        }

        return command.ToJsonString();
    }

    public static string WritePing(long number) => $$"""{"action":"ping","sent_at":{{number}}}""";

    public static string Action(OperationKind kind) => kind == OperationKind.Start ? "timer_start" : "timer_stop";

    private static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static long? Milliseconds(JsonNode? time) => time is null
        ? null
        : DateTimeOffset.Parse((string)time!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();

    private static ServerMessage ReadJson(JsonNode message)
    {
        var payload = message["payload"]!;
        return (string?)message["event"] switch
        {
            "timer_updated" => new ServerMessage(ReadSnapshot(payload), null, null),
            "pong" => new ServerMessage(null, (long)payload["sent_at"]!, null),
            "error" => new ServerMessage(null, null, new WireError(
                (string)payload["code"]!, (string?)payload["action"], (string?)payload["id"])),
            _ => throw new JsonException($"No event of the contract: {message}"),
        };
    }

    private static ServerMessage ReadHtml(string html)
    {
        var root = RootElement().Match(html);
        var data = DataAttribute().Matches(root.Value).ToDictionary(
            one => one.Groups["name"].Value, one => one.Groups["value"].Value, StringComparer.Ordinal);
        return root.Groups["id"].Value switch
        {
            "timer" => new ServerMessage(ReadTimer(data), null, null),
            "pong" => new ServerMessage(null, long.Parse(data["sent-at"], CultureInfo.InvariantCulture), null),
            "error" => new ServerMessage(null, null, new WireError(data["code"], data.GetValueOrDefault("action"), data.GetValueOrDefault("id"))),
            _ => throw new FormatException($"No fragment of the contract: {html}"),
        };
    }

    private static Snapshot ReadTimer(Dictionary<string, string> data)
    {
        long? Number(string name) => data.TryGetValue(name, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : null;
        return new Snapshot(data["user-id"], data["epoch"], Number("version")!.Value, new State(
            data.TryGetValue("id", out var id) ? Guid.Parse(id) : null,
            data["status"] == "running",
            Number("started-at"), Number("stopped-at"), UpdatedAt: null)); // the fragment has no updated_at
    }

    [GeneratedRegex("data-(?<name>[a-z-]+)=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DataAttribute();

    [GeneratedRegex("^\\s*<\\w+ id=\"(?<id>\\w+)\"[^>]*>", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RootElement();
}
