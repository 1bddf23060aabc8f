using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections.Features;

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

    /// <summary>Kestrel looks at so many in 10 to 20 µs, and finds out whether somebody waits in less than one.</summary>
    public const int SocketsToShare = 32;

    private static bool s_isShort;
    private static uint s_sockets;

    /// <summary>
    /// Asks for it for this thread, and so for all that it starts: to be called first. A request (sched_setattr(2)) that Linux
    /// takes since version 6.12; before, elsewhere, or where it is forbidden, nothing changes.
    /// </summary>
    public static void Shorten() => s_isShort = TrySet(thread: 0, OrdinaryPolicy, OrdinaryPolicy);

    /// <summary>
    /// Once a second Kestrel looks at all connections in one go, which takes 5 ms for 12,000. Linux would let it, for all its short slice:
    /// it looks at slices only when somebody is woken, or after 4 ms. On the way it now lets go of the processor again and again, for
    /// a press that waits.
    /// </summary>
    /// <param name="connection">Of one more socket.</param>
    public static void ShareLook(IConnectionHeartbeatFeature connection)
    {
        if (Interlocked.Increment(ref s_sockets) % SocketsToShare == 0)
        {
            connection.OnHeartbeat(static _ => Thread.Yield(), connection);
        }
    }

    /// <summary>
    /// While there is as much to do as the server can, none of its threads interrupts another for what would have to wait anyway: a
    /// sixth more commands per second, with an eighth of the switches (tests/TimerSync.Benchmarks/RESULTS.md). For all threads that
    /// there are; new ones have it of those that start them.
    /// </summary>
    /// <param name="isHeavy">Whether there is; when not, they interrupt each other as before.</param>
    public static void Use(bool isHeavy)
    {
        if (!s_isShort)
        {
            return;
        }

        var (from, to) = isHeavy ? (OrdinaryPolicy, BatchPolicy) : (BatchPolicy, OrdinaryPolicy);
        try
        {
            foreach (var thread in Directory.GetDirectories("/proc/self/task"))
            {
                TrySet(int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), from, to);
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
    private static bool TrySet(int thread, uint from, uint to)
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

        (attributes.Policy, attributes.Runtime) = (to, Nanoseconds);
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
