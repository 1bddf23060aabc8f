namespace TimerSync.Simulation.Model;

/// <summary>When a press happened, by the server's clock (CONTRACT.md, section 3: <c>started_at</c>, <c>stopped_at</c>, <c>sent_at</c>).</summary>
public static class PressTime
{
    private static readonly TimeSpan AgeMax = TimeSpan.FromDays(7);
    private static readonly TimeSpan ClockErrorIgnored = TimeSpan.FromSeconds(2);

    /// <param name="pressedAt">As the command says, by the device's clock; null when it was left out.</param>
    /// <param name="sentAt">The device's clock at the moment of sending; null when it was left out.</param>
    /// <param name="now">The server's clock when it received the command.</param>
    /// <returns>Null for a press that is refused as too old.</returns>
    public static DateTimeOffset? Of(DateTimeOffset? pressedAt, DateTimeOffset? sentAt, DateTimeOffset now)
    {
        var at = pressedAt ?? now;
        if (pressedAt is not null && sentAt is not null)
        {
            var behind = now - sentAt.Value;
            at += behind > ClockErrorIgnored || behind < -ClockErrorIgnored ? behind : TimeSpan.Zero;
        }

        if (at > now)
        {
            return now;
        }

        return at < now - AgeMax ? null : at;
    }
}
