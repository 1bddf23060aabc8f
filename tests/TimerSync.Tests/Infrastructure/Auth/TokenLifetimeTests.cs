using System.Diagnostics;
using System.Net;

namespace TimerSync.Tests.Infrastructure.Auth;

/// <summary><c>Jwt:Lifetime</c>: CONTRACT.md, sections 5 and 6 (tokens).</summary>
public sealed class TokenLifetimeTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(12); // the lifetime, and the leeway that the contract allows

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Timeout = 60_000)]
    public async Task A_lifetime_of_1_s_is_valid_and_then_over()
    {
        await using var server = await TimerSyncServer.StartAsync(("Jwt:Lifetime", Lifetime.ToString()));
        using var client = (await SignUpInTimeAsync(server)).CreateClient();

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(Patience);
        var status = HttpStatusCode.OK;
        while (status == HttpStatusCode.OK)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token); // nobody tells a client without a socket
            using var answer = await client.GetAsync("/timers", limit.Token);
            status = answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    /// <summary>A token must be valid for as long as it was promised; where that passed before the answer came, another one is asked for.</summary>
    private static async Task<TestUser> SignUpInTimeAsync(TimerSyncServer server)
    {
        while (true)
        {
            var asked = Stopwatch.GetTimestamp();
            var user = await TestUser.SignUpAsync(server);
            using var client = user.CreateClient();
            using var answer = await client.GetAsync("/timers", Cancellation);
            if (Stopwatch.GetElapsedTime(asked) < Lifetime)
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                return user;
            }
        }
    }
}
