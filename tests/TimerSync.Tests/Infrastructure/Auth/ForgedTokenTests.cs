using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TimerSync.Tests.Infrastructure.Auth;

/// <summary>
/// What makes a token valid (CONTRACT.md, sections 1, 5 and 6): each test changes one thing of a good token, and, where that
/// is not the thing, signs it with the server's own key.
/// </summary>
public sealed class ForgedTokenTests(ForgedTokenTests.ServerWithKnownKey known) : IClassFixture<ForgedTokenTests.ServerWithKnownKey>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_configured_key_signs_the_tokens()
    {
        var (header, payload, signature) = Split(known.User.Token);

        Assert.Equal(Sign($"{header}.{payload}", known.Key), signature);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(known.User.Token));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Forge(_ => { }))); // so that the forgeries below are refused for what they change
    }

    [Fact]
    public async Task A_tampered_payload_or_signature_is_401()
    {
        var (header, payload, signature) = Split(known.User.Token);
        var changed = JsonNode.Parse(Base64Url.DecodeFromChars(payload))!;
        changed["preferred_username"] = "somebody else";
        var flipped = (signature[0] == 'A' ? 'B' : 'A') + signature[1..];

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{Encode(changed)}.{signature}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{payload}.{flipped}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{payload}."));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{payload}"));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    public async Task An_unsigned_token_is_401(string algorithm)
    {
        var (_, payload, signature) = Split(known.User.Token);
        var header = Encode(new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT" });

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{payload}."));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{header}.{payload}.{signature}"));
    }

    [Fact]
    public async Task Another_algorithm_with_the_right_key_is_401()
    {
        var (_, payload, _) = Split(known.User.Token);
        var signed = $"{Encode(new JsonObject { ["alg"] = "HS512", ["typ"] = "JWT" })}.{payload}";
        var signature = Base64Url.EncodeToString(HMACSHA512.HashData(known.Key, Encoding.ASCII.GetBytes(signed)));

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync($"{signed}.{signature}"));
    }

    [Fact]
    public async Task Another_key_is_401() =>
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Forge(_ => { }, RandomNumberGenerator.GetBytes(64))));

    [Theory]
    [InlineData("iss", "somebody-else")]
    [InlineData("iss", null)]
    [InlineData("aud", "somebody-else")]
    [InlineData("aud", null)]
    [InlineData("sub", "u_somebody_else")] // the session is not theirs
    [InlineData("sub", null)]
    [InlineData("sid", "00000000000000000000000000000000")] // never opened
    [InlineData("sid", null)]
    [InlineData("exp", null)]
    public async Task A_wrong_or_missing_claim_is_401(string claim, string? value) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Forge(payload =>
        {
            Assert.True(payload.Remove(claim));
            if (value is not null)
            {
                payload[claim] = value;
            }
        })));

    [Fact]
    public async Task Expiry_has_a_leeway_of_10_seconds_at_most()
    {
        var past = DateTimeOffset.UtcNow.AddSeconds(-11).ToUnixTimeSeconds();

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Forge(payload => payload["exp"] = past)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("%00")]
    public async Task What_is_no_token_is_401(string token) => Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(token));

    private static (string Header, string Payload, string Signature) Split(string token) =>
        token.Split('.') is [var header, var payload, var signature] ? (header, payload, signature) : throw new FormatException(token);

    private static string Encode(JsonNode json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private static string Sign(string signed, byte[] key) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)));

    /// <summary>The good token with another payload.</summary>
    private string Forge(Action<JsonObject> change, byte[]? key = null)
    {
        var (header, payload, _) = Split(known.User.Token);
        var changed = JsonNode.Parse(Base64Url.DecodeFromChars(payload))!.AsObject();
        change(changed);
        var signed = $"{header}.{Encode(changed)}";
        return $"{signed}.{Sign(signed, key ?? known.Key)}";
    }

    private async Task<HttpStatusCode> StatusAsync(string token)
    {
        using var client = known.Server.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        using var answer = await client.GetAsync("/timers", Cancellation);
        return answer.StatusCode;
    }

    /// <summary>A server whose <c>Jwt:SigningKey</c> is the test's.</summary>
    public sealed class ServerWithKnownKey : IAsyncLifetime
    {
        public byte[] Key { get; } = RandomNumberGenerator.GetBytes(32);

        public TimerSyncServer Server { get; private set; } = null!;

        public TestUser User { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await TimerSyncServer.StartAsync(("Jwt:SigningKey", Convert.ToBase64String(Key)));
            User = await TestUser.SignUpAsync(Server);
        }

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }
}
