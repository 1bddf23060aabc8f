namespace TimerSync.Infrastructure.Timers;

/// <summary>
/// One run of a user's timer, stored as it was pressed (CONTRACT.md, section 3). Where a later run cut it short, that
/// end is derived by <see cref="TimerRule"/> and never stored here, so that no press is lost.
/// </summary>
/// <param name="Id">The idempotency key: made by the client, one per run.</param>
/// <param name="StartedAt">When Start was pressed. UTC, whole milliseconds.</param>
/// <param name="StoppedAt">When Stop was pressed; of several presses the earliest. Null while none was.</param>
/// <param name="UpdatedAt">When the stored row last changed, by the server's clock.</param>
public sealed record Run(Guid Id, DateTimeOffset StartedAt, DateTimeOffset? StoppedAt, DateTimeOffset UpdatedAt);
