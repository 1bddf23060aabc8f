using System.Net;
using System.Net.Http.Json;

namespace TimerSync.Tests.Infrastructure.Web;

/// <summary>What a proxy says of a request's sender is believed if it is a known one (docs/DEPLOY.md).</summary>
public sealed class KnownProxiesTests
{
    private const int FailuresMax = 2;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.0.0.0/8, 127.0.0.0/8", true)]
    [InlineData("10.0.0.1", false)]
    [InlineData("", false)]
    public async Task An_address_counts_as_the_sender_s_only_from_a_known_proxy(string known, bool isBelieved)
    {
        await using var server = await TimerSyncServer.StartAsync(
            ("ForwardedHeaders:KnownProxies", known), ("Login:FailuresPerAddress", FailuresMax.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        var user = await TestUser.SignUpAsync(server);

        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i <= FailuresMax; i++)
        {
            statuses.Add(await FailAsync(user, $"192.0.2.{i + 1}"));
        }

        Assert.All(statuses[..FailuresMax], status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        Assert.Equal(isBelieved ? HttpStatusCode.Unauthorized : HttpStatusCode.TooManyRequests, statuses[^1]);
    }

    [Fact]
    public async Task The_scheme_of_a_known_proxy_makes_the_cookie_a_secure_one()
    {
        await using var server = await TimerSyncServer.StartAsync(("ForwardedHeaders:KnownProxies", IPAddress.Loopback.ToString()));
        var user = await TestUser.SignUpAsync(server);
        using var client = server.CreateClient();
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");

        using var form = new FormUrlEncodedContent([new("username", user.Name), new("password", user.Password)]);
        using var answer = await client.PostAsync("/login", form, Cancellation);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Contains("secure", answer.SetCookie().Attributes);
    }

    private static async Task<HttpStatusCode> FailAsync(TestUser user, string address)
    {
        using var client = user.Server.CreateClient();
        client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        using var answer = await client.PostAsJsonAsync("/login", new { username = user.Name, password = "not the password" }, Cancellation);
        return answer.StatusCode;
    }
}
