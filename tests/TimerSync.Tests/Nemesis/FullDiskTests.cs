using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TimerSync.Tests.Nemesis;

/// <summary>A disk without room: an error to the sender, never a false confirmation, and no hand needed when there is room again.</summary>
public sealed class FullDiskTests
{
    private static readonly TimeSpan RecoveryMax = TimeSpan.FromSeconds(15);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SocketClient.Json)]
    [InlineData(SocketClient.Html)]
    public async Task A_press_on_a_full_disk_is_answered_as_unavailable_and_changes_nothing(string subprotocol)
    {
        await using var server = await TimerSyncServer.StartAsync();
        var user = await TestUser.SignUpAsync(server);
        await using var client = await user.ConnectAsync(subprotocol);
        await client.ReceiveTextAsync();
        var id = Guid.NewGuid();

        LimitFiles(server, "1");
        await client.StartAsync(id);

        Assert.Contains("unavailable", await client.ReceiveTextAsync(), StringComparison.Ordinal);
        using var http = user.CreateClient();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/readyz", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz", Cancellation)).StatusCode);
        using var refused = await http.PostAsJsonAsync("/timers", new { action = "timer_start", id }, Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("unavailable", (string?)(await refused.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["code"]);

        LimitFiles(server, "unlimited");
        await BecomeReadyAsync(http);
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);
        await client.StartAsync(id);
        Assert.Contains(id.ToString("D"), await client.ReceiveTextAsync(), StringComparison.Ordinal);
        await server.KillAsync();
        await server.StartAgainAsync();
        Assert.Equal(1, (long?)(await user.GetTimerAsync())["version"]);
    }

    [Fact]
    public async Task What_was_confirmed_before_and_on_a_full_disk_survives_a_crash_there()
    {
        await using var server = await TimerSyncServer.StartAsync(("Socket:CommandBurst", "100000"));
        var user = await TestUser.SignUpAsync(server);
        using var http = user.CreateClient();
        await PostAsync(http);
        LimitFiles(server, "65536"); // some commits fit, then none
        long confirmed = 1;
        while (await PostAsync(http) is { } version)
        {
            confirmed = version;
        }

        await server.KillAsync();
        await server.StartAgainAsync();

        Assert.Equal(confirmed, (long?)(await user.GetTimerAsync())["version"]);
    }

    /// <returns>The version; null when it was refused as unavailable.</returns>
    private static async Task<long?> PostAsync(HttpClient http)
    {
        using var answer = await http.PostAsJsonAsync("/timers", new { action = "timer_start", id = Guid.NewGuid() }, Cancellation);
        return answer.StatusCode == HttpStatusCode.ServiceUnavailable
            ? null
            : (long?)(await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["version"];
    }

    private static async Task BecomeReadyAsync(HttpClient http)
    {
        var since = Stopwatch.GetTimestamp();
        while (!(await http.GetAsync("/readyz", Cancellation)).IsSuccessStatusCode)
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < RecoveryMax, "no recovery without a command");
            await Task.Delay(TimeSpan.FromMilliseconds(50), Cancellation); // nothing tells when
        }
    }

    private static void LimitFiles(TimerSyncServer server, string bytes)
    {
        using var process = Process.Start("prlimit", ["--pid", server.ProcessId.ToString(CultureInfo.InvariantCulture), $"--fsize={bytes}:unlimited"]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
