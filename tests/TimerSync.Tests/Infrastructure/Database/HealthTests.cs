using System.Net;
using System.Net.Http.Json;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary><c>/healthz</c>, <c>/readyz</c>, and the answers while the database does not: CONTRACT.md, sections 3 and 5.</summary>
public sealed class HealthTests(SharedServer shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    public async Task A_working_server_is_200_without_a_token(string path)
    {
        using var client = shared.Server.CreateClient();

        using var answer = await client.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task While_the_database_cannot_be_read_the_server_lives_is_not_ready_and_says_unavailable()
    {
        await using var server = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"));
        var user = await TestUser.SignUpAsync(server);
        Destroy(server.DatabaseFile);
        using var client = user.CreateClient();

        using var live = await client.GetAsync("/healthz", Cancellation);
        using var ready = await client.GetAsync("/readyz", Cancellation);
        using var read = await client.GetAsync("/timers", Cancellation);
        using var write = await client.PostAsJsonAsync("/timers", new { action = "timer_start", id = Guid.NewGuid() }, Cancellation);
        using var login = await client.PostAsJsonAsync("/login", new { username = user.Name, password = user.Password }, Cancellation);

        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        foreach (var answer in new[] { read, write, login })
        {
            Assert.Equal("unavailable", await answer.ProblemCodeAsync(HttpStatusCode.ServiceUnavailable));
            Assert.InRange(answer.RetryAfterSeconds(), 1, 60);
        }
    }

    /// <summary>Overwrites the open files in place, as a broken disk does. The index too: SQLite then reads the others anew.</summary>
    private static void Destroy(string databaseFile)
    {
        foreach (var path in new[] { databaseFile, databaseFile + "-wal", databaseFile + "-shm" })
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.Write(new byte[file.Length]);
        }
    }
}
