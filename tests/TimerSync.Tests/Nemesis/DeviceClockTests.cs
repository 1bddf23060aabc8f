using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TimerSync.Tests.Nemesis;

/// <summary>CONTRACT.md, section 3, <c>sent_at</c>: a device whose clock is wrong stores right times.</summary>
public sealed class DeviceClockTests(SharedServer shared)
{
    private static readonly TimeSpan OnlineErrorMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan OfflineErrorMax = TimeSpan.FromSeconds(2);

    public static TheoryData<double> ClockErrorsInMinutes => [-60, -7, 7, 60, -570, 330, 840];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(ClockErrorsInMinutes))]
    public async Task Presses_made_online_are_stored_right_within_1_s(double minutes)
    {
        using var device = (await TestUser.SignUpAsync(shared.Server)).CreateClient();
        var (error, id) = (TimeSpan.FromMinutes(minutes), Guid.NewGuid());

        var (started, pressedAt, took) = await PostAsync(device, now => new { action = "timer_start", id, started_at = now + error, sent_at = now + error });
        var (stopped, stoppedAt, stopTook) = await PostAsync(device, now => new { action = "timer_stop", id, stopped_at = now + error, sent_at = now + error });

        AssertNear(pressedAt, took, started["started_at"], OnlineErrorMax);
        AssertNear(stoppedAt, stopTook, stopped["stopped_at"], OnlineErrorMax);
    }

    [Theory]
    [MemberData(nameof(ClockErrorsInMinutes))]
    public async Task Presses_made_during_an_hour_offline_are_stored_right_within_2_s(double minutes)
    {
        using var device = (await TestUser.SignUpAsync(shared.Server)).CreateClient();
        var (error, id, back) = (TimeSpan.FromMinutes(minutes), Guid.NewGuid(), DateTimeOffset.UtcNow);
        var (startedAt, stoppedAt) = (back - TimeSpan.FromMinutes(60), back - TimeSpan.FromMinutes(12));

        var (_, _, took) = await PostAsync(device, now => new { action = "timer_start", id, started_at = startedAt + error, sent_at = now + error });
        var (timer, _, stopTook) = await PostAsync(device, now => new { action = "timer_stop", id, stopped_at = stoppedAt + error, sent_at = now + error });

        AssertNear(startedAt, took, timer["started_at"], OfflineErrorMax);
        AssertNear(stoppedAt, stopTook, timer["stopped_at"], OfflineErrorMax);
    }

    [Theory]
    [InlineData("-10:00")]
    [InlineData("+05:30")]
    [InlineData("+14:00")]
    public async Task A_zone_that_is_told_is_honoured(string zone)
    {
        using var device = (await TestUser.SignUpAsync(shared.Server)).CreateClient();
        var offset = TimeSpan.Parse(zone.TrimStart('+'), CultureInfo.InvariantCulture);
        var pressedAt = DateTimeOffset.UtcNow - TimeSpan.FromMinutes(5);

        var (timer, _, took) = await PostAsync(device, now => new { action = "timer_start", id = Guid.NewGuid(), started_at = pressedAt.ToOffset(offset), sent_at = now.ToOffset(offset) });

        AssertNear(pressedAt, took, timer["started_at"], OnlineErrorMax);
    }

    [Fact]
    public async Task The_hour_offline_is_right_on_the_socket_too()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var device = await user.ConnectAsync();
        await device.ReceiveAsync("timer_updated");
        var (error, sentAt) = (TimeSpan.FromHours(-1), DateTimeOffset.UtcNow);
        var pressedAt = sentAt - TimeSpan.FromHours(1);

        await device.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = pressedAt + error, sent_at = sentAt + error });
        var timer = await device.ReceiveAsync("timer_updated");

        AssertNear(pressedAt, DateTimeOffset.UtcNow - sentAt, timer["started_at"], OfflineErrorMax);
    }

    /// <returns>The timer, when it was sent, and how long it took: for the server, a command that comes late has a clock that is slow.</returns>
    private static async Task<(JsonNode Timer, DateTimeOffset SentAt, TimeSpan Took)> PostAsync(HttpClient device, Func<DateTimeOffset, object> command)
    {
        var sentAt = DateTimeOffset.UtcNow;
        using var answer = await device.PostAsJsonAsync("/timers", command(sentAt), Cancellation);
        var took = DateTimeOffset.UtcNow - sentAt;
        answer.EnsureSuccessStatusCode();
        return ((await answer.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!, sentAt, took);
    }

    private static void AssertNear(DateTimeOffset truth, TimeSpan took, JsonNode? stored, TimeSpan errorMax) => Assert.InRange(
        DateTimeOffset.Parse((string)stored!, CultureInfo.InvariantCulture), truth - errorMax, truth + took + errorMax);
}
