using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace TimerSync.Features.Login;

/// <summary>
/// Counts failed logins per name and per address, in memory. While either has used up its failures, every attempt is
/// refused, the right password included: otherwise guessing would still learn it (CONTRACT.md, section 6).
/// </summary>
internal sealed class LoginThrottle(IOptions<LoginOptions> options) : IDisposable
{
    private const int Ipv6NetworkBytes = 8; // a household has a /64

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    private readonly PartitionedRateLimiter<string> _names = Limiter(options.Value.FailuresPerName);
    private readonly PartitionedRateLimiter<string> _addresses = Limiter(options.Value.FailuresPerAddress);

    /// <returns>How long to wait before the next attempt; null when one is allowed.</returns>
    public TimeSpan? RetryAfter(string foldedName, IPAddress? address) =>
        Refused(_names, foldedName) ?? Refused(_addresses, Network(address));

    public void CountFailure(string foldedName, IPAddress? address)
    {
        _names.AttemptAcquire(foldedName).Dispose();
        _addresses.AttemptAcquire(Network(address)).Dispose();
    }

    public void Dispose()
    {
        _names.Dispose();
        _addresses.Dispose();
    }

    private static TimeSpan? Refused(PartitionedRateLimiter<string> limiter, string key)
    {
        using var lease = limiter.AttemptAcquire(key, permitCount: 0); // asks without counting
        return lease.IsAcquired ? null : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : Window;
    }

    private static PartitionedRateLimiter<string> Limiter(int failures) =>
        PartitionedRateLimiter.Create<string, string>(key => RateLimitPartition.GetFixedWindowLimiter(
            key, _ => new FixedWindowRateLimiterOptions { PermitLimit = failures, Window = Window, QueueLimit = 0 }),
            StringComparer.Ordinal);

    private static string Network(IPAddress? address)
    {
        if (address is null || address.IsIPv4MappedToIPv6 || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address?.MapToIPv4().ToString() ?? "";
        }

        return Convert.ToHexString(address.GetAddressBytes().AsSpan(0, Ipv6NetworkBytes));
    }
}
