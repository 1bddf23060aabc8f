using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.PostTimer;

/// <summary>Runs one command for a caller without a socket.</summary>
internal sealed class PostTimerHandler(
    TimerWriter writer, ITimerReader reader, IOptions<SocketOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>What a caller who was refused for the moment is told to wait.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Per user, at the rate that one connection has.
    private readonly PartitionedRateLimiter<string> _rate = PartitionedRateLimiter.Create<string, string>(userId =>
        RateLimitPartition.GetTokenBucketLimiter(userId, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = options.Value.CommandBurst,
            TokensPerPeriod = options.Value.CommandsPerSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
        }), StringComparer.Ordinal);

    /// <returns>The current timer once the change is durable, or why nothing changed; neither when that is not known.</returns>
    public async Task<(TimerSnapshot? Timer, CommandError? Error)> HandleAsync(
        ReadOnlyMemory<byte> body, string userId, CancellationToken cancellationToken)
    {
        var message = ClientMessage.Parse(body.Span, userId, clock.GetUtcNowMilliseconds());
        using var lease = _rate.AttemptAcquire(userId);
        if (!lease.IsAcquired)
        {
            return (null, message.Error(ErrorCodes.RateLimited, "Too many commands: slow down."));
        }

        if (message.Refusal is not null)
        {
            return (null, message.Refusal);
        }

        if (message.Command is null)
        {
            return (await reader.ReadAsync(userId, cancellationToken), null); // a ping changes nothing
        }

        var result = await writer.WriteAsync(message.Command);
        return (result.Snapshot, CommandError.From(result.Outcome, message));
    }

    public void Dispose() => _rate.Dispose();
}
