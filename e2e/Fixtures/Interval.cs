using System.Text.Json.Nodes;

namespace TimerSync.EndToEnd;

/// <summary>When something was done, as the test saw it: before it began and after it was over. A slow machine makes the interval longer.</summary>
public sealed record Interval(DateTimeOffset Before, DateTimeOffset After)
{
    public static async Task<Interval> OfAsync(Func<Task> action)
    {
        var before = DateTimeOffset.UtcNow;
        await action();
        return new Interval(before, DateTimeOffset.UtcNow);
    }

    /// <param name="time">As the server tells it.</param>
    /// <param name="errorMax">What the contract allows.</param>
    public void Holds(JsonNode? time, TimeSpan errorMax) => Assert.InRange((DateTimeOffset)time!, Before - errorMax, After + errorMax);
}
