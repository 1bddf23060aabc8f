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
        var (error, id, pressedAt) = (TimeSpan.FromMinutes(minutes), Guid.NewGuid(), DateTimeOffset.UtcNow);

        var started = await PostAsync(device, new { action = "timer_start", id, started_at = pressedAt + error, sent_at = pressedAt + error });
        var stoppedAt = DateTimeOffset.UtcNow;
        var stopped = await PostAsync(device, new { action = "timer_stop", id, stopped_at = stoppedAt + error, sent_at = stoppedAt + error });

        AssertNear(pressedAt, started["started_at"], OnlineErrorMax);
        AssertNear(stoppedAt, stopped["stopped_at"], OnlineErrorMax);
    }

    [Theory]
    [MemberData(nameof(ClockErrorsInMinutes))]
    public async Task Presses_made_during_an_hour_offline_are_stored_right_within_2_s(double minutes)
    {
        using var device = (await TestUser.SignUpAsync(shared.Server)).CreateClient();
        var (error, id, now) = (TimeSpan.FromMinutes(minutes), Guid.NewGuid(), DateTimeOffset.UtcNow);
        var (startedAt, stoppedAt) = (now - TimeSpan.FromMinutes(60), now - TimeSpan.FromMinutes(12));

        await PostAsync(device, new { action = "timer_start", id, started_at = startedAt + error, sent_at = now + error });
        var timer = await PostAsync(device, new { action = "timer_stop", id, stopped_at = stoppedAt + error, sent_at = DateTimeOffset.UtcNow + error });

        AssertNear(startedAt, timer["started_at"], OfflineErrorMax);
        AssertNear(stoppedAt, timer["stopped_at"], OfflineErrorMax);
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

        var timer = await PostAsync(device, new { action = "timer_start", id = Guid.NewGuid(), started_at = pressedAt.ToOffset(offset), sent_at = DateTimeOffset.UtcNow.ToOffset(offset) });

        AssertNear(pressedAt, timer["started_at"], OnlineErrorMax);
    }

    [Fact]
    public async Task The_hour_offline_is_right_on_the_socket_too()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var device = await user.ConnectAsync();
        await device.ReceiveAsync("timer_updated");
        var (error, pressedAt) = (TimeSpan.FromHours(-1), DateTimeOffset.UtcNow - TimeSpan.FromHours(1));

        await device.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = pressedAt + error, sent_at = DateTimeOffset.UtcNow + error });

        AssertNear(pressedAt, (await device.ReceiveAsync("timer_updated"))["started_at"], OfflineErrorMax);
    }

    private static async Task<JsonNode> PostAsync(HttpClient device, object command)
    {
        using var answer = await device.PostAsJsonAsync("/timers", command, Cancellation);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
    }

    private static void AssertNear(DateTimeOffset truth, JsonNode? stored, TimeSpan errorMax) => Assert.InRange(
        DateTimeOffset.Parse((string)stored!, CultureInfo.InvariantCulture), truth - errorMax, truth + errorMax);
}
