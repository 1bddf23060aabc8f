using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TimerSync.Nemesis;

/// <summary>Somebody with an account, and a token that is valid for the whole run.</summary>
internal sealed record Account(string UserId, string Token);

/// <summary>
/// Makes accounts in the database and signs their tokens, as a login would: a password's hash costs a tenth of a second by
/// design, and is not what is tried here.
/// </summary>
internal static class Accounts
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <param name="database">Of a server that was started once.</param>
    /// <param name="signingKey">Its <c>Jwt:SigningKey</c>.</param>
    /// <param name="count">How many.</param>
    public static IReadOnlyList<Account> Create(DbConnection database, byte[] signingKey, int count)
    {
        using var transaction = database.BeginTransaction();
        var now = DateTimeOffset.UtcNow;
        var accounts = new List<Account>();
        for (var i = 0; i < count; i++)
        {
            var (userId, sessionId) = ($"u_{Guid.NewGuid():N}", Guid.NewGuid().ToString("N"));
            Execute(database, $"INSERT INTO accounts VALUES ('{userId}', '{userId}', '{userId}', 'none', {now.ToUnixTimeMilliseconds()})");
            Execute(database, $"INSERT INTO login_sessions VALUES ('{sessionId}', '{userId}', {now.ToUnixTimeMilliseconds()}, {(now + Lifetime).ToUnixTimeMilliseconds()})");
            accounts.Add(new Account(userId, Sign(signingKey, userId, sessionId, now)));
        }

        transaction.Commit();
        return accounts;
    }

    private static void Execute(DbConnection database, string sql)
    {
        using var command = database.CreateCommand();
#pragma warning disable CA2100 // made of numbers and UUIDs
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    /// <summary>A JWT with HS256 (RFC 7519), by hand: the server's own code is not trusted here.</summary>
    private static string Sign(byte[] key, string userId, string sessionId, DateTimeOffset now)
    {
        var header = Part(new { alg = "HS256", typ = "JWT" });
        var claims = Part(new
        {
            iss = "timersync",
            aud = "timersync",
            sub = userId,
            preferred_username = userId,
            sid = sessionId,
            iat = now.ToUnixTimeSeconds(),
            exp = (now + Lifetime).ToUnixTimeSeconds(),
        });
        var signature = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"{header}.{claims}"));
        return $"{header}.{claims}.{System.Buffers.Text.Base64Url.EncodeToString(signature)}";
    }

    private static string Part(object part) => System.Buffers.Text.Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(part));
}
