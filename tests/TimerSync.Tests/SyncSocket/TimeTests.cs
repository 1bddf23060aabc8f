namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, sections 3 and 6: what a command's times mean.</summary>
public sealed class TimeTests(SharedServer shared) : IAsyncLifetime
{
    /// <summary>Between the making of a command and its reading by the server, on a busy machine.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    private SocketClient _client = null!;

    public async ValueTask InitializeAsync() => _client = await (await TestUser.SignUpAsync(shared.Server)).OpenAsync();

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    [Fact]
    public async Task A_start_without_a_time_starts_now()
    {
        var before = Now();
        await _client.StartAsync(Guid.NewGuid());
        Assert.InRange((await _client.ReceiveTimerAsync()).StartedAt!.Value, before, Now());
    }

    [Fact]
    public async Task A_time_in_the_future_becomes_now()
    {
        var run = Guid.NewGuid();
        var before = Now();
        await _client.StartAsync(run, before.AddHours(1));
        var started = await _client.ReceiveTimerAsync();
        Assert.InRange(started.StartedAt!.Value, before, Now());

        before = Now();
        await _client.SendAsync(new { action = "timer_stop", id = run, stopped_at = "9999-12-31T23:59:59.999Z" });
        Assert.InRange((await _client.ReceiveTimerAsync()).StoppedAt!.Value, before, Now());
    }

    [Fact]
    public async Task A_time_more_than_7_days_back_is_bad_request()
    {
        var run = Guid.NewGuid();
        await _client.StartAsync(run, Now().AddDays(-7).AddSeconds(-1));
        await _client.ReceiveErrorAsync("bad_request");
        await _client.SendAsync(new { action = "timer_start", id = run, started_at = "0001-01-01T00:00:00Z" });
        await _client.ReceiveErrorAsync("bad_request");

        var justYoungEnough = Now().AddDays(-7) + Slack;
        await _client.StartAsync(run, justYoungEnough);
        var started = await _client.ReceiveTimerAsync();
        Assert.Equal((justYoungEnough, 1), (started.StartedAt, started.Version));

        await _client.StopAsync(run, Now().AddDays(-7).AddSeconds(-1));
        await _client.ReceiveErrorAsync("bad_request");
        await _client.AssertNothingArrivesBeforePongAsync();
    }

    [Fact]
    public async Task A_stop_before_its_start_becomes_the_start()
    {
        var run = Guid.NewGuid();
        var startedAt = Now().AddMinutes(-10);
        await _client.StartAsync(run, startedAt);
        await _client.ReceiveTimerAsync();

        await _client.StopAsync(run, startedAt.AddMinutes(-5));

        var stopped = await _client.ReceiveTimerAsync();
        Assert.Equal((startedAt, startedAt, "stopped"), (stopped.StartedAt, stopped.StoppedAt, stopped.Status));
    }

    [Theory]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss'Z'", 0, 0)]
    [InlineData("yyyy-MM-dd't'HH:mm:ss.f'z'", 0, 900)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss.ff'Z'", 0, 980)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", 0, 987)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", 0, 987)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss.fffffff'123456789Z'", 0, 987)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss.fffzzz", 120, 987)]
    [InlineData("yyyy-MM-dd'T'HH:mm:sszzz", -570, 0)]
    [InlineData("yyyy-MM-dd'T'HH:mm:ss'-00:00'", 0, 0)]
    [InlineData("yyyy-MM-dd'T'HH:mm:sszzz", 14 * 60, 0)]
    public async Task Offsets_are_honoured_and_milliseconds_are_kept(string format, int offsetMinutes, int milliseconds)
    {
        var second = DateTimeOffset.FromUnixTimeSeconds(Now().ToUnixTimeSeconds() - 600);
        var local = second.AddTicks(9_876_543).ToOffset(TimeSpan.FromMinutes(offsetMinutes));

        await _client.SendAsync(new
        {
            action = "timer_start",
            id = Guid.NewGuid(),
            started_at = local.ToString(format, System.Globalization.CultureInfo.InvariantCulture),
        });

        Assert.Equal(second.AddMilliseconds(milliseconds), (await _client.ReceiveTimerAsync()).StartedAt);
    }

    [Theory]
    [InlineData("2025-09-15T20:15:00")] // no zone
    [InlineData("2025-09-15T20:15:00.123")]
    [InlineData("2025-09-15T20:15Z")]
    [InlineData("2025-09-15")]
    [InlineData("20250915T201500Z")]
    [InlineData("2025-9-15T20:15:00Z")]
    [InlineData("2025-02-30T20:15:00Z")]
    [InlineData("2025-09-15T24:00:00Z")]
    [InlineData("2025-09-15T20:60:00Z")]
    [InlineData("2025-09-15T20:15:00.Z")]
    [InlineData("2025-09-15T20:15:00,5Z")]
    [InlineData("2025-09-15T20:15:00+0200")]
    [InlineData("2025-09-15T20:15:00+02")]
    [InlineData("2025-09-15T20:15:00+25:00")]
    [InlineData("2025-09-15T20:15:00ZZ")]
    [InlineData(" 2025-09-15T20:15:00Z")]
    [InlineData("2025-09-15T20:15:00Z ")]
    [InlineData("0001-01-01T00:00:00+01:00")] // before the calendar begins
    [InlineData("9999-12-31T23:59:59-01:00")] // after it ends
    [InlineData("٢٠٢٥-09-15T20:15:00Z")]
    [InlineData("1757967300")]
    [InlineData("now")]
    [InlineData("")]
    public async Task What_is_no_time_with_a_zone_is_bad_request_wherever_it_stands(string text)
    {
        var run = Guid.NewGuid();
        await _client.SendAsync(new { action = "timer_start", id = run, started_at = text });
        await _client.ReceiveErrorAsync("bad_request");
        await _client.SendAsync(new { action = "timer_start", id = run, sent_at = text });
        await _client.ReceiveErrorAsync("bad_request");
        await _client.SendAsync(new { action = "timer_stop", id = run, stopped_at = text });
        await _client.ReceiveErrorAsync("bad_request");
        await _client.AssertNothingArrivesBeforePongAsync();
    }

    [Theory]
    [InlineData(60)]
    [InlineData(-7)]
    [InlineData(60 * 24 * 30)] // even where the times as sent would be in the future, or too far back
    [InlineData(-60 * 24 * 30)]
    public async Task A_wrong_clock_on_a_device_stores_right_times(int minutesAhead)
    {
        var run = Guid.NewGuid();
        var device = TimeSpan.FromMinutes(minutesAhead);
        var startedAt = Now().AddMinutes(-10);
        var stoppedAt = Now().AddMinutes(-4);

        var sentAt = Now();
        await _client.SendAsync(new { action = "timer_start", id = run, started_at = startedAt + device, sent_at = sentAt + device });
        var started = (await _client.ReceiveTimerAsync()).StartedAt!.Value;
        Assert.InRange(started, startedAt, startedAt + (Now() - sentAt));

        sentAt = Now();
        await _client.SendAsync(new { action = "timer_stop", id = run, stopped_at = stoppedAt + device, sent_at = sentAt + device });
        Assert.InRange((await _client.ReceiveTimerAsync()).StoppedAt!.Value, stoppedAt, stoppedAt + (Now() - sentAt));
    }

    [Fact]
    public async Task A_clock_that_is_off_by_less_than_2_seconds_shifts_nothing()
    {
        var startedAt = Now().AddMinutes(-10);

        // A second ahead: also with two seconds of delay on the way it stays within the limit.
        await _client.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = startedAt, sent_at = Now().AddSeconds(1) });

        Assert.Equal(startedAt, (await _client.ReceiveTimerAsync()).StartedAt);
    }

    [Fact]
    public async Task Shifted_times_are_held_to_the_same_limits()
    {
        var run = Guid.NewGuid();

        await _client.SendAsync(new { action = "timer_start", id = run, started_at = Now(), sent_at = Now().AddDays(8) });
        await _client.ReceiveErrorAsync("bad_request"); // pressed 8 days before it was sent

        var before = Now();
        await _client.SendAsync(new { action = "timer_start", id = run, started_at = Now(), sent_at = Now().AddHours(-1) });
        Assert.InRange((await _client.ReceiveTimerAsync()).StartedAt!.Value, before, Now()); // pressed after it was sent: now
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00Z")]
    [InlineData("9999-12-31T23:59:59.999Z")]
    public async Task A_nonsensical_clock_breaks_nothing(string sentAt)
    {
        await _client.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = sentAt, sent_at = sentAt });
        var started = await _client.ReceiveTimerAsync();
        Assert.InRange(Now() - started.StartedAt!.Value, TimeSpan.Zero, Slack);
        await _client.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = "9999-12-31T23:59:59.999Z", sent_at = "0001-01-01T00:00:00Z" });
        await _client.ReceiveTimerAsync();
        await _client.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), started_at = "0001-01-01T00:00:00Z", sent_at = "9999-12-31T23:59:59.999Z" });
        await _client.ReceiveErrorAsync("bad_request");
    }

    [Fact]
    public async Task Sent_at_alone_shifts_nothing()
    {
        var before = Now();
        await _client.SendAsync(new { action = "timer_start", id = Guid.NewGuid(), sent_at = before.AddHours(-3) });
        Assert.InRange((await _client.ReceiveTimerAsync()).StartedAt!.Value, before, Now());
    }

    /// <summary>Whole milliseconds, as the server's times are.</summary>
    private static DateTimeOffset Now() => DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
}
