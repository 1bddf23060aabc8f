using System.Net;
using System.Text;
using System.Text.Json;

namespace TimerSync.Tests.PostTimer;

/// <summary>Each error code of <c>POST /timers</c> with its status (CONTRACT.md, sections 2, 3 and 6). An error changes nothing.</summary>
public sealed class RefusedCommandTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private const string Id = "6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d";
    private const int BytesMax = 4096;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> BadRequests => new()
    {
        "",
        " ",
        "{",
        "[]",
        "null",
        "\"timer_start\"",
        "1",
        "{}",
        "{} {}",
        """{"action":null}""",
        """{"action":1}""",
        """{"action":["timer_start"]}""",
        """{"action":"\ud800"}""",
        """{"action":"timer_start"}""",
        """{"action":"timer_start","id":null}""",
        """{"action":"timer_start","id":1}""",
        """{"action":"timer_start","id":""}""",
        """{"action":"timer_start","id":"nonsense"}""",
        """{"action":"timer_start","id":"6f0c1b9e3d0a4b529f1e0d6f7a1c2b3d"}""",
        """{"action":"timer_start","id":"{6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d}"}""",
        """{"action":"timer_start","id":" 6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d"}""",
        """{"action":"timer_start","id":"6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3g"}""",
        $$"""{"action":"timer_start","id":"{{Id}}","user_id":1}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":1757967300123}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":""}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":"2025-09-15"}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":"2025-09-15T20:15:00"}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":"2025-02-30T20:15:00Z"}""",
        $$"""{"action":"timer_start","id":"{{Id}}","started_at":"2000-01-01T00:00:00Z"}""", // more than 7 days back
        $$"""{"action":"timer_start","id":"{{Id}}","sent_at":"yesterday"}""",
        $$"""{"action":"timer_stop","id":"{{Id}}","stopped_at":true}""",
        $$"""{"action":"timer_stop","id":"{{Id}}","stopped_at":"2000-01-01T00:00:00Z"}""",
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task What_is_no_command_is_400_bad_request(string body)
    {
        using var answer = await PostAsync(body);

        Assert.Equal("bad_request", await answer.ProblemCodeAsync(HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Invalid_UTF8_is_400_bad_request()
    {
        using var answer = await PostAsync(Encoding.Latin1.GetBytes("{\"action\":\"caf\u00e9\"}"));

        Assert.Equal("bad_request", await answer.ProblemCodeAsync(HttpStatusCode.BadRequest));
    }

    [Theory]
    [InlineData("timer_pause")]
    [InlineData("TIMER_START")]
    [InlineData("")]
    public async Task An_action_that_is_not_known_is_400_unknown_action(string action)
    {
        using var answer = await PostAsync(JsonSerializer.Serialize(new { action, id = Id }));

        Assert.Equal("unknown_action", await answer.ProblemCodeAsync(HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Another_users_user_id_is_403_wrong_user()
    {
        using var start = await PostAsync(JsonSerializer.Serialize(new { action = "timer_start", id = Id, user_id = "u_somebody_else" }));
        using var stop = await PostAsync(JsonSerializer.Serialize(new { action = "timer_stop", id = Id, user_id = one.User.Id.ToUpperInvariant() }));

        Assert.Equal("wrong_user", await start.ProblemCodeAsync(HttpStatusCode.Forbidden));
        Assert.Equal("wrong_user", await stop.ProblemCodeAsync(HttpStatusCode.Forbidden));
    }

    [Fact]
    public async Task A_stop_of_an_unknown_run_is_404_unknown_timer_and_names_the_id()
    {
        var id = Guid.NewGuid().ToString();

        using var answer = await PostAsync(JsonSerializer.Serialize(new { action = "timer_stop", id }));

        var problem = await answer.ProblemAsync(HttpStatusCode.NotFound);
        Assert.Equal(("unknown_timer", id), ((string?)problem["code"], (string?)problem["id"]));
    }

    [Theory]
    [InlineData(BytesMax + 1, false)]
    [InlineData(BytesMax + 1, true)]
    [InlineData(10 * BytesMax, false)]
    [InlineData(10 * BytesMax, true)]
    [InlineData(100 * BytesMax, false)] // more than the sockets take ahead
    public async Task A_body_over_4096_bytes_is_413(int bytes, bool isChunked)
    {
        using var answer = await PostAsync(Padded(bytes), isChunked);

        Assert.Equal("bad_request", await answer.ProblemCodeAsync(HttpStatusCode.RequestEntityTooLarge));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_of_4096_bytes_is_read(bool isChunked)
    {
        using var answer = await PostAsync(Padded(BytesMax), isChunked);

        Assert.Equal("unknown_timer", await answer.ProblemCodeAsync(HttpStatusCode.NotFound));
    }

    [Fact]
    public async Task Without_a_token_it_is_401()
    {
        using var client = shared.Server.CreateClient();

        using var answer = await client.PostAsync("/timers", new ByteArrayContent(Padded(100)), Cancellation);

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    /// <summary>A stop of a run that nobody has, of this length.</summary>
    private static byte[] Padded(int bytes)
    {
        var command = $$"""{"action":"timer_stop","id":"{{Guid.NewGuid()}}","padding":""}""";
        return Encoding.ASCII.GetBytes(command.Insert(command.Length - 2, new string('x', Math.Max(0, bytes - command.Length))));
    }

    private Task<HttpResponseMessage> PostAsync(string body) => PostAsync(Encoding.UTF8.GetBytes(body));

    private async Task<HttpResponseMessage> PostAsync(byte[] body, bool isChunked = false)
    {
        using var client = one.User.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/timers") { Content = new ByteArrayContent(body) };
        request.Headers.TransferEncodingChunked = isChunked;
        var answer = await client.SendAsync(request, Cancellation);

        // Nothing in this class is a command that the server takes.
        Assert.Equal(0, (long?)(await one.User.GetTimerAsync())["version"]);
        return answer;
    }
}
