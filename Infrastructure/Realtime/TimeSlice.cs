using System.Globalization;
using System.Runtime.InteropServices;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// How long one of the server's threads goes on while another waits. By default Linux lets it 1.4 ms and more, three times what
/// a press takes, and each press that arrives while Kestrel looks at all connections, once a second, or while a method is
/// compiled would wait for that. With the shortest slice there is, who has little to do does not wait for who has much; nobody
/// is given less of the processor (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
internal static class TimeSlice
{
    /// <summary>Linux grants 0.1 to 100 ms.</summary>
    private const ulong Nanoseconds = 100_000;

    /// <summary>SCHED_OTHER: whoever runs the server as a batch job, or in real time, has decided otherwise.</summary>
    private const uint OrdinaryPolicy = 0;

    /// <summary>SCHED_BATCH: who is woken waits until the one that runs has nothing to do, or for the clock, 4 ms at most (sched(7)).</summary>
    private const uint BatchPolicy = 3;

    /// <summary>The name that Kestrel gives it.</summary>
    private const string KestrelThread = "Kestrel Timer";

    /// <summary>As Linux takes it by default.</summary>
    private const ulong DefaultNanoseconds = 0;

    private static bool s_isShort;

    /// <summary>
    /// Asks for it for this thread, and so for all that it starts: to be called first. A request (sched_setattr(2)) that Linux
    /// takes since version 6.12; before, elsewhere, or where it is forbidden, nothing changes.
    /// </summary>
    public static void Shorten() => s_isShort = TrySet(thread: 0, OrdinaryPolicy, OrdinaryPolicy, Nanoseconds);

    /// <summary>
    /// For nobody waits for Kestrel's look at all connections. Among threads with the same slice the one that runs keeps the processor
    /// until its slice is over, and as Linux looks at that only when somebody is woken, or after 4 ms, a press can wait that long; one
    /// with a shorter slice goes first at once (EEVDF, PREEMPT_SHORT). To be called when the server listens.
    /// </summary>
    public static void LengthenKestrel() => ForThreads(thread =>
    {
        if (File.ReadAllText($"/proc/self/task/{thread}/comm").TrimEnd() == KestrelThread)
        {
            TrySet(thread, OrdinaryPolicy, OrdinaryPolicy, DefaultNanoseconds);
        }
    });

    /// <summary>
    /// While there is as much to do as the server can, none of its threads interrupts another for what would have to wait anyway: a
    /// sixth more commands per second, with an eighth of the switches (tests/TimerSync.Benchmarks/RESULTS.md). For all threads that
    /// there are; new ones have it of those that start them.
    /// </summary>
    /// <param name="isHeavy">Whether there is; when not, they interrupt each other as before.</param>
    public static void Use(bool isHeavy)
    {
        var (from, to) = isHeavy ? (OrdinaryPolicy, BatchPolicy) : (BatchPolicy, OrdinaryPolicy);
        ForThreads(thread => TrySet(thread, from, to));
    }

    private static void ForThreads(Action<int> action)
    {
        if (!s_isShort)
        {
            return;
        }

        try
        {
            foreach (var thread in Directory.GetDirectories("/proc/self/task"))
            {
                action(int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not to be seen here, or a thread that has ended: it stays as it is.
        }
    }

    /// <param name="thread">0 for the one that calls.</param>
    /// <param name="from">Nothing is changed for a thread with another policy.</param>
    /// <param name="to">The policy.</param>
    /// <param name="nanoseconds">The time slice; null for the same as before.</param>
    private static bool TrySet(int thread, uint from, uint to, ulong? nanoseconds = null)
    {
        var (set, get) = (OperatingSystem.IsLinux() ? RuntimeInformation.ProcessArchitecture : null as Architecture?) switch
        {
            Architecture.X64 => (314, 315),
            Architecture.Arm64 => (274, 275),
            _ => (0, 0),
        };
        var attributes = default(Attributes);
        if (set == 0
            || SystemCall(get, thread, ref attributes, (nuint)Marshal.SizeOf<Attributes>(), 0) != 0 // the nice value stays as it is
            || attributes.Policy != from)
        {
            return false;
        }

        (attributes.Policy, attributes.Runtime) = (to, nanoseconds ?? attributes.Runtime);
        return SystemCall(set, thread, ref attributes, 0, 0) == 0;
    }

    /// <summary>The C library has no functions of their own for these two before version 2.41.</summary>
    [DllImport("libc", EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint SystemCall(nint number, nint thread, ref Attributes attributes, nuint sizeOrFlags, nuint flags);

    /// <summary><c>struct sched_attr</c>, its first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
        public ulong Deadline;
        public ulong Period;
    }
}
