using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Database;

namespace TimerSync.Features.Login;

/// <summary>How a login ended.</summary>
internal abstract record LoginResult
{
    private LoginResult()
    {
    }

    /// <param name="AccessToken">A JWT of a new login session.</param>
    /// <param name="UserId">Whose it is.</param>
    /// <param name="Lifetime">How long it is valid.</param>
    public sealed record Success(string AccessToken, string UserId, TimeSpan Lifetime) : LoginResult;

    /// <summary>The name would make an account, and the password is too short for one.</summary>
    public sealed record PasswordTooShort(int MinLength) : LoginResult;

    /// <summary>Wrong password, or an unknown name while sign-up is closed.</summary>
    public sealed record WrongPassword : LoginResult;

    /// <summary>Too many failures, or too many logins at once.</summary>
    public sealed record Throttled(TimeSpan RetryAfter) : LoginResult;
}

/// <summary>Checks a password, makes the account at its first login, and opens a login session.</summary>
internal sealed class LoginHandler(
    IDbContextFactory<TimerSyncDb> databases,
    AccessTokens tokens,
    LoginThrottle throttle,
    IPasswordHasher<Account> hasher,
    IOptions<LoginOptions> options,
    TimeProvider clock) : IDisposable
{
    /// <summary>Login sessions that a user may have; at the next one the oldest ends.</summary>
    private const int SessionsPerUserMax = 1000;

    /// <summary>Logins that may wait for the processor; the next one is told to come back.</summary>
    private const int LoginsWaitingMax = 500;

    private static readonly TimeSpan BusyRetryAfter = TimeSpan.FromSeconds(5);

    private static readonly string SelectAccount = EmbeddedSql.Load("SelectAccount.sql");
    private static readonly string CreateAccount = EmbeddedSql.Load("CreateAccount.sql");
    private static readonly string CreateSession = EmbeddedSql.Load("CreateSession.sql");
    private static readonly string DeleteOldSessions = EmbeddedSql.Load("DeleteOldSessions.sql");
    private static readonly string UpdatePasswordHash = EmbeddedSql.Load("UpdatePasswordHash.sql");

    // Hashing is meant to be slow: where there are two cores, one stays free for those who are logged in.
    private readonly ConcurrencyLimiter _hashing = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = Math.Max(1, Environment.ProcessorCount - 1),
        QueueLimit = LoginsWaitingMax,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    // Verified when there is no account, so that the time does not tell which names exist.
    private readonly Lazy<string> _nobodysHash = new(() => hasher.HashPassword(Account.Nobody, Guid.NewGuid().ToString()));

    public async Task<LoginResult> HandleAsync(Credentials credentials, IPAddress? address, CancellationToken cancellationToken)
    {
        if (throttle.RetryAfter(credentials.FoldedName, address) is { } refused)
        {
            return new LoginResult.Throttled(refused); // takes nobody's turn
        }

        using var turn = await _hashing.AcquireAsync(1, cancellationToken);
        if (!turn.IsAcquired)
        {
            return new LoginResult.Throttled(BusyRetryAfter);
        }

        if (throttle.RetryAfter(credentials.FoldedName, address) is { } wait) // others may have failed meanwhile
        {
            return new LoginResult.Throttled(wait);
        }

        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var account = await FindAsync(db, credentials, cancellationToken);
        if (account is null && options.Value.AllowSignUp)
        {
            if (credentials.PasswordLength < options.Value.MinPasswordLength)
            {
                return new LoginResult.PasswordTooShort(options.Value.MinPasswordLength);
            }

            account = await SignUpAsync(db, credentials, cancellationToken);
            if (account is not null)
            {
                return await OpenSessionAsync(db, account, cancellationToken);
            }

            account = await FindAsync(db, credentials, cancellationToken); // another first login was quicker
        }

        var verified = hasher.VerifyHashedPassword(
            account ?? Account.Nobody, account?.PasswordHash ?? _nobodysHash.Value, credentials.Password);
        if (account is null || verified == PasswordVerificationResult.Failed)
        {
            throttle.CountFailure(credentials.FoldedName, address);
            return new LoginResult.WrongPassword();
        }

        if (verified == PasswordVerificationResult.SuccessRehashNeeded)
        {
            await db.ExecuteAsync(UpdatePasswordHash, cancellationToken,
                ("password_hash", hasher.HashPassword(account, credentials.Password)), ("id", account.Id));
        }

        return await OpenSessionAsync(db, account, cancellationToken);
    }

    public void Dispose() => _hashing.Dispose();

    private static async Task<Account?> FindAsync(TimerSyncDb db, Credentials credentials, CancellationToken cancellationToken) =>
        (await db.QueryAsync<Account>(SelectAccount, cancellationToken, ("name_folded", credentials.FoldedName))).SingleOrDefault();

    /// <returns>Null when the name was taken meanwhile.</returns>
    private async Task<Account?> SignUpAsync(TimerSyncDb db, Credentials credentials, CancellationToken cancellationToken)
    {
        var account = new Account(
            $"u_{Guid.CreateVersion7():N}", credentials.Name, hasher.HashPassword(Account.Nobody, credentials.Password));
        var created = await db.ExecuteAsync(CreateAccount, cancellationToken,
            ("id", account.Id),
            ("name", account.Name),
            ("name_folded", credentials.FoldedName),
            ("password_hash", account.PasswordHash),
            ("created_at", clock.GetUtcNow().ToUnixTimeMilliseconds()));
        return created > 0 ? account : null;
    }

    private async Task<LoginResult> OpenSessionAsync(TimerSyncDb db, Account account, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var sessionId = Guid.CreateVersion7().ToString("N");
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.ExecuteAsync(CreateSession, cancellationToken,
            ("id", sessionId),
            ("user_id", account.Id),
            ("created_at", now.ToUnixTimeMilliseconds()),
            ("expires_at", tokens.ExpiryOf(now).ToUnixTimeMilliseconds()));
        await db.ExecuteAsync(DeleteOldSessions, cancellationToken,
            ("user_id", account.Id), ("now", now.ToUnixTimeMilliseconds()), ("sessions_max", SessionsPerUserMax));
        await transaction.CommitAsync(cancellationToken);

        return new LoginResult.Success(tokens.Create(account.Id, account.Name, sessionId, now), account.Id, tokens.Lifetime);
    }
}

/// <summary>Somebody who can sign in.</summary>
internal sealed record Account(string Id, string Name, string PasswordHash)
{
    /// <summary>Stands in where there is no account yet; the hasher ignores whose password it is.</summary>
    public static readonly Account Nobody = new("", "", "");
}
