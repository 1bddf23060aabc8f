using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary>What outlives a restart and a crash: CONTRACT.md, sections 2, 5 (the key) and 6 (tokens).</summary>
public sealed class RestartTests(RestartTests.RestartedServer restarted) : IClassFixture<RestartTests.RestartedServer>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_stop_by_SIGTERM_exits_with_0() => Assert.Equal(0, restarted.ExitCode);

    [Fact]
    public async Task A_token_stays_valid() => await restarted.User.GetTimerAsync();

    [Fact]
    public async Task A_session_that_was_ended_stays_ended()
    {
        using var client = restarted.LoggedOut.CreateClient();

        using var answer = await client.GetAsync("/timers", Cancellation);

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task The_epoch_the_version_and_the_timer_stay()
    {
        var timer = await restarted.User.GetTimerAsync();

        foreach (var member in new[] { "epoch", "version", "id", "status", "started_at", "updated_at" })
        {
            Assert.True(JsonNode.DeepEquals(restarted.Before[member], timer[member]), member);
        }
    }

    [Fact]
    public async Task An_account_stays() => Assert.Equal(restarted.User.Id, (await restarted.User.LogInAgainAsync()).Id);

    /// <summary>A server that was stopped, started, killed and started, and what was true before.</summary>
    public sealed class RestartedServer : IAsyncLifetime
    {
        private TimerSyncServer? _server;

        public TestUser User { get; private set; } = null!;

        public TestUser LoggedOut { get; private set; } = null!;

        public JsonNode Before { get; private set; } = null!;

        public int ExitCode { get; private set; }

        public async ValueTask InitializeAsync()
        {
            _server = await TimerSyncServer.StartAsync();
            User = await TestUser.SignUpAsync(_server);
            LoggedOut = await User.LogInAgainAsync();
            using var leaving = LoggedOut.CreateClient();
            using var logout = await leaving.PostAsync("/logout", content: null, Cancellation);
            using var client = User.CreateClient();
            using var started = await client.PostAsJsonAsync("/timers", new { action = "timer_start", id = Guid.NewGuid() }, Cancellation);
            Before = await started.JsonAsync();
            ExitCode = await _server.StopAsync();
            await _server.StartAgainAsync();
            await _server.KillAsync();
            await _server.StartAgainAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null)
            {
                await _server.DisposeAsync();
            }
        }
    }
}
