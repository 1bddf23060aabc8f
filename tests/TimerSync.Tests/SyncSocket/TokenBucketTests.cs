using TimerSync.Features.SyncSocket;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, section 5: <c>Socket:CommandsPerSecond</c> and <c>Socket:CommandBurst</c>.</summary>
public sealed class TokenBucketTests
{
    private const int PerSecond = 20;
    private const int Burst = 60;

    private readonly ManualClock _clock = new();

    [Fact]
    public void It_gives_its_burst_at_once_and_then_no_more()
    {
        var bucket = new TokenBucket(PerSecond, Burst, _clock);
        Assert.Equal(Burst, Take(ref bucket, Burst + 5));
    }

    [Fact]
    public void It_fills_evenly()
    {
        var bucket = new TokenBucket(PerSecond, Burst, _clock);
        Take(ref bucket, Burst);

        _clock.Advance(TimeSpan.FromMilliseconds(49));
        Assert.False(bucket.TryTake());
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(bucket.TryTake());
        Assert.False(bucket.TryTake());
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(PerSecond, Take(ref bucket, Burst));
    }

    [Fact]
    public void Refused_tries_cost_nothing()
    {
        var bucket = new TokenBucket(PerSecond, Burst, _clock);
        Take(ref bucket, Burst);
        var given = 0;
        for (var i = 0; i < 10_000; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(0.1));
            given += bucket.TryTake() ? 1 : 0;
        }

        Assert.InRange(given, PerSecond - 1, PerSecond); // the last one may be a rounding away
    }

    [Fact]
    public void It_never_holds_more_than_its_burst()
    {
        var bucket = new TokenBucket(PerSecond, Burst, _clock);
        _clock.Advance(TimeSpan.FromDays(365));
        Assert.Equal(Burst, Take(ref bucket, Burst * 2));
    }

    private static int Take(ref TokenBucket bucket, int tries)
    {
        var given = 0;
        for (var i = 0; i < tries; i++)
        {
            given += bucket.TryTake() ? 1 : 0;
        }

        return given;
    }
}
