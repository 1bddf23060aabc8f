using System.Text.Json.Nodes;

namespace TimerSync.Tests;

/// <summary>What every client can rely on of the object of <c>GET /timers</c> (CONTRACT.md, section 2).</summary>
internal static class TimerShape
{
    private const string Time = @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";

    private static readonly string[] Members =
        ["epoch", "id", "server_time", "started_at", "status", "stopped_at", "updated_at", "user_id", "version"];

    /// <summary>Asserts names, types and formats, whatever the values.</summary>
    public static JsonObject AssertIsTimer(JsonNode? node)
    {
        var timer = Assert.IsType<JsonObject>(node);
        Assert.Equal(Members, timer.Select(member => member.Key).Order(StringComparer.Ordinal));
        Assert.StartsWith("u_", (string?)timer["user_id"], StringComparison.Ordinal);
        Assert.Matches("^(running|stopped)$", (string?)timer["status"]);
        Assert.InRange((long)timer["version"]!, 0, long.MaxValue);
        Assert.False(string.IsNullOrEmpty((string?)timer["epoch"]));
        Assert.Matches(Time, (string?)timer["server_time"]);
        foreach (var time in new[] { "started_at", "stopped_at", "updated_at" })
        {
            Assert.Matches(Time, (string?)timer[time] ?? "2025-09-15T20:15:00.000Z"); // or null
        }

        return timer;
    }
}
