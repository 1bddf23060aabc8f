namespace TimerSync.Tests.GetTimer;

/// <summary>CONTRACT.md, section 2.</summary>
public sealed class GetTimerTests(SharedServer shared)
{
    [Fact]
    public async Task A_user_who_never_started_a_timer_has_a_stopped_one_at_version_0()
    {
        var user = await TestUser.SignUpAsync(shared.Server);

        var timer = await user.GetTimerAsync();

        Assert.Equal("stopped", (string?)timer["status"]);
        Assert.Equal(0, (long?)timer["version"]);
        Assert.Equal(user.Id, (string?)timer["user_id"]);
        foreach (var unset in new[] { "id", "started_at", "stopped_at", "updated_at" })
        {
            Assert.True(timer.AsObject().ContainsKey(unset));
            Assert.Null(timer[unset]);
        }
    }
}
