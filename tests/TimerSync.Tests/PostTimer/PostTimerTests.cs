using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TimerSync.Tests.PostTimer;

/// <summary>Commands without a socket: CONTRACT.md, section 2, and what of section 6 holds for every command.</summary>
public sealed class PostTimerTests(SharedServer shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_command_answers_with_the_state_that_GET_then_shows()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var id = Guid.NewGuid();

        using var answer = await PostAsync(user, new { action = "timer_start", id, user_id = user.Id });

        var timer = TimerShape.AssertIsTimer(await answer.JsonAsync());
        Assert.Equal((id.ToString(), "running", 1), ((string?)timer["id"], (string?)timer["status"], (long?)timer["version"]));
        Assert.Null(timer["stopped_at"]);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        AssertSameState(timer, await user.GetTimerAsync());
    }

    [Fact]
    public async Task A_command_reaches_the_sockets_of_its_user()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var socket = await user.ConnectAsync();
        await socket.ReceiveAsync("timer_updated");

        using var answer = await PostAsync(user, new { action = "timer_start", id = Guid.NewGuid() });

        AssertSameState(await answer.JsonAsync(), await socket.ReceiveAsync("timer_updated"));
    }

    [Fact]
    public async Task Versions_grow_by_one_for_each_change_and_not_for_repeats()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        var start = DateTimeOffset.UtcNow.AddHours(-1);
        var steps = new (object Command, long Version, string Status)[]
        {
            (new { action = "timer_start", id = first, started_at = start }, 1, "running"),
            (new { action = "timer_start", id = first, started_at = start }, 1, "running"), // a repeat
            (new { action = "timer_start", id = first, started_at = start.AddMinutes(1) }, 1, "running"), // the first start of an id counts
            (new { action = "timer_stop", id = first, stopped_at = start.AddMinutes(2) }, 2, "stopped"),
            (new { action = "timer_stop", id = first, stopped_at = start.AddMinutes(2) }, 2, "stopped"),
            (new { action = "timer_start", id = first, started_at = start }, 2, "stopped"), // a late repeat starts nothing again
            (new { action = "timer_start", id = second, started_at = start.AddMinutes(3) }, 3, "running"),
            (new { action = "timer_stop", id = first, stopped_at = start.AddMinutes(1) }, 4, "running"), // of two stops the earlier counts
        };

        foreach (var (command, version, status) in steps)
        {
            using var answer = await PostAsync(user, command);
            var timer = await answer.JsonAsync();
            Assert.Equal((version, status), ((long?)timer["version"], (string?)timer["status"]));
        }
    }

    [Fact]
    public async Task Ids_are_echoed_in_lower_case_and_upper_case_is_the_same_id()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var id = Guid.NewGuid().ToString();

        using var start = await PostAsync(user, new { action = "timer_start", id = id.ToUpperInvariant() });
        using var stop = await PostAsync(user, new { action = "timer_stop", id });

        Assert.Equal(id, (string?)(await start.JsonAsync())["id"]);
        Assert.Equal((id, "stopped"), ((string?)(await stop.JsonAsync())["id"], (string?)(await GetAsync(user))["status"]));
    }

    [Fact]
    public async Task Times_keep_milliseconds_and_honour_offsets()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var start = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds());
        var text = start.ToOffset(TimeSpan.FromHours(-3)).ToString("yyyy-MM-dd'T'HH:mm:ss'.123999-03:00'", System.Globalization.CultureInfo.InvariantCulture);

        using var answer = await PostAsync(user, new { action = "timer_start", id = Guid.NewGuid(), started_at = text });

        Assert.Equal(start.AddMilliseconds(123), (DateTimeOffset)(await answer.JsonAsync())["started_at"]!);
    }

    [Fact]
    public async Task The_body_is_read_as_JSON_whatever_its_type_is_said_to_be()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var client = user.CreateClient();
        using var content = new FormUrlEncodedContent([]); // what curl -d declares
        using var body = new StringContent(JsonSerializer.Serialize(new { action = "timer_start", id = Guid.NewGuid(), headers = new { x = 1 } }));
        body.Headers.ContentType = content.Headers.ContentType;

        using var answer = await client.PostAsync("/timers", body, Cancellation);

        await answer.JsonAsync();
    }

    [Fact]
    public async Task A_stop_of_anothers_run_and_a_start_with_its_id_are_409_id_taken()
    {
        var (owner, other) = (await TestUser.SignUpAsync(shared.Server), await TestUser.SignUpAsync(shared.Server));
        var id = Guid.NewGuid();
        using var started = await PostAsync(owner, new { action = "timer_start", id });
        var before = await started.JsonAsync();

        using var start = await PostAsync(other, new { action = "timer_start", id });
        using var stop = await PostAsync(other, new { action = "timer_stop", id });

        Assert.Equal("id_taken", await start.ProblemCodeAsync(HttpStatusCode.Conflict));
        Assert.Equal("id_taken", await stop.ProblemCodeAsync(HttpStatusCode.Conflict));
        AssertSameState(before, await GetAsync(owner));
        Assert.Equal(0, (long?)(await GetAsync(other))["version"]);
    }

    [Fact]
    public async Task Too_many_commands_are_429_with_Retry_After_and_change_nothing()
    {
        const int CommandsMax = 1000; // far above burst and rate
        var user = await TestUser.SignUpAsync(shared.Server);
        var other = await TestUser.SignUpAsync(shared.Server);
        using var client = user.CreateClient();
        HttpResponseMessage answer;
        var sent = 0;
        do
        {
            answer = await client.PostAsync("/timers", new StringContent("""{"action":"ping"}"""), Cancellation);
        }
        while (answer.StatusCode != HttpStatusCode.TooManyRequests && ++sent < CommandsMax);

        using (answer)
        {
            Assert.Equal("rate_limited", await answer.ProblemCodeAsync(HttpStatusCode.TooManyRequests));
            Assert.InRange(answer.RetryAfterSeconds(), 1, 60);
            Assert.InRange(sent, 60, CommandsMax); // the burst is allowed
        }

        Assert.Equal(0, (long?)(await GetAsync(user))["version"]); // reading is not limited
        using var fromAnother = await PostAsync(other, new { action = "timer_start", id = Guid.NewGuid() });
        await fromAnother.JsonAsync();
    }

    private static void AssertSameState(JsonNode one, JsonNode other)
    {
        var (left, right) = (one.DeepClone(), other.DeepClone());
        left["server_time"] = right["server_time"] = null;
        Assert.True(JsonNode.DeepEquals(left, right), $"{left} is not {right}");
    }

    private static async Task<JsonNode> GetAsync(TestUser user) => TimerShape.AssertIsTimer(await user.GetTimerAsync());

    private static async Task<HttpResponseMessage> PostAsync(TestUser user, object command)
    {
        using var client = user.CreateClient();
        return await client.PostAsync("/timers", new StringContent(JsonSerializer.Serialize(command), Encoding.UTF8, "application/json"), Cancellation);
    }
}
