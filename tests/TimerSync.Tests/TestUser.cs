using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests;

/// <summary>Somebody with an account of their own, made for one test.</summary>
public sealed record TestUser(TimerSyncServer Server, string Name, string Password, string Id, string Token)
{
    public const string AnyPassword = "correct horse battery";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<TestUser> SignUpAsync(TimerSyncServer server)
    {
        var name = $"user-{Guid.NewGuid():N}";
        return await LogInAsync(server, name, AnyPassword);
    }

    public static async Task<TestUser> LogInAsync(TimerSyncServer server, string name, string password)
    {
        using var client = server.CreateClient();
        using var answer = await client.PostAsJsonAsync("/login", new { username = name, password }, Cancellation);
        answer.EnsureSuccessStatusCode();
        var body = (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
        return new TestUser(server, name, password, (string)body["user_id"]!, (string)body["access_token"]!);
    }

    /// <summary>Another login session of the same person.</summary>
    public Task<TestUser> LogInAgainAsync() => LogInAsync(Server, Name, Password);

    /// <summary>A client that sends the token with every request.</summary>
    public HttpClient CreateClient()
    {
        var client = Server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        return client;
    }

    /// <summary>A client that sends the token as a browser does: in the session cookie.</summary>
    /// <param name="origin">The <c>Origin</c> header of every request; null sends none.</param>
    public HttpClient CreateBrowser(string? origin)
    {
        var client = Server.CreateClient();
        client.DefaultRequestHeaders.Add("Cookie", $"{SessionCookie.Name}={Token}");
        if (origin is not null)
        {
            client.DefaultRequestHeaders.Add("Origin", origin);
        }

        return client;
    }

    public async Task<JsonNode> GetTimerAsync()
    {
        using var client = CreateClient();
        return (await client.GetFromJsonAsync<JsonNode>("/timers", Cancellation))!;
    }

    public Task<SocketClient> ConnectAsync(string? subprotocol = null) => SocketClient.ConnectAsync(Server, Token, subprotocol);
}
