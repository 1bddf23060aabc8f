namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// Ends connections whose time is up: when their token expires, and all of them when the server goes down. Gives memory back
/// after many have come or left.
/// </summary>
internal sealed class ConnectionSweep(ConnectionHub hub, TimeProvider clock, IHostApplicationLifetime lifetime) : BackgroundService
{
    /// <summary>A socket outlives its token by this much at most.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly HeapTrim _trim = new(clock);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Before the host waits for its requests to end: an open socket is one, and would keep it waiting.
        lifetime.ApplicationStopping.Register(hub.Stop);

        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            hub.CloseExpired(clock.GetUtcNow());
            if (_trim.IsDue(hub.Count))
            {
                HeapTrim.Run();
            }
        }
    }
}
