using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace TimerSync.Tests;

/// <summary>What a test reads out of an HTTP answer.</summary>
internal static class Answers
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static Task<string> TextAsync(this HttpResponseMessage answer) => answer.Content.ReadAsStringAsync(Cancellation);

    /// <summary>The body of a 200.</summary>
    public static async Task<JsonNode> JsonAsync(this HttpResponseMessage answer)
    {
        var text = await answer.TextAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>The body of an error, which must be <c>application/problem+json</c> (RFC 9457) of this status.</summary>
    public static async Task<JsonNode> ProblemAsync(this HttpResponseMessage answer, HttpStatusCode status)
    {
        var text = await answer.TextAsync();
        Assert.True(answer.StatusCode == status, $"{(int)answer.StatusCode} instead of {(int)status}: {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!;
        Assert.Equal((int)status, (int?)problem["status"]);
        return problem;
    }

    /// <summary>The error's contract code.</summary>
    public static async Task<string?> ProblemCodeAsync(this HttpResponseMessage answer, HttpStatusCode status) =>
        (string?)(await answer.ProblemAsync(status))["code"];

    public static string? Header(this HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;

    /// <summary><c>Retry-After</c> in seconds; 0 when there is none.</summary>
    public static int RetryAfterSeconds(this HttpResponseMessage answer) =>
        int.Parse(answer.Header("Retry-After") ?? "0", CultureInfo.InvariantCulture);

    /// <summary>The one cookie that the answer sets or deletes: its name, its value, and its attributes in lower case.</summary>
    public static (string Name, string Value, string[] Attributes) SetCookie(this HttpResponseMessage answer)
    {
        var parts = Assert.Single(answer.Headers.GetValues("Set-Cookie")).Split("; ");
        var pair = parts[0].Split('=', 2);
        return (pair[0], pair[1], [.. parts[1..].Select(part => part.ToLowerInvariant())]);
    }
}
