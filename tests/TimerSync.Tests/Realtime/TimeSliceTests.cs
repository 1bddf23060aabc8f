using System.Globalization;

namespace TimerSync.Tests.Realtime;

/// <summary>What the running server has got from Linux.</summary>
public sealed class TimeSliceTests(SharedServer shared)
{
    private const string Slice = "se.slice";

    [Theory]
    [InlineData("TimerWriter")]
    [InlineData(".NET TP Worker")]
    [InlineData(".NET Sockets")]
    [InlineData("Kestrel Timer")]
    public void A_thread_that_has_to_do_with_presses_goes_on_for_a_tenth_of_a_millisecond(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.OSVersion.Version >= new Version(6, 12) && SchedulingOf("/proc/self").Contains(Slice, StringComparison.Ordinal),
            "Linux takes requests for a time slice since 6.12, and shows it only when built with CONFIG_SCHED_DEBUG.");

        var slices = Directory.GetDirectories($"/proc/{shared.Server.ProcessId}/task")
            .Select(SchedulingOf)
            .Where(lines => lines.StartsWith($"{name} (", StringComparison.Ordinal))
            .Select(lines => lines.Split('\n').Single(line => line.StartsWith(Slice, StringComparison.Ordinal)).Split(':')[1])
            .Select(nanoseconds => int.Parse(nanoseconds, CultureInfo.InvariantCulture))
            .ToArray();

        Assert.NotEmpty(slices);
        Assert.All(slices, nanoseconds => Assert.Equal(100_000, nanoseconds));
    }

    /// <summary>Empty when the thread has ended meanwhile.</summary>
    private static string SchedulingOf(string thread)
    {
        try
        {
            return File.ReadAllText($"{thread}/sched");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
