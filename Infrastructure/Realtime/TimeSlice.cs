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

    /// <summary>
    /// Asks for it for this thread, and so for all that it starts: to be called first. A request (sched_setattr(2)) that Linux
    /// takes since version 6.12; before, elsewhere, or where it is forbidden, nothing changes.
    /// </summary>
    public static void Shorten()
    {
        var (set, get) = (OperatingSystem.IsLinux() ? RuntimeInformation.ProcessArchitecture : null as Architecture?) switch
        {
            Architecture.X64 => (314, 315),
            Architecture.Arm64 => (274, 275),
            _ => (0, 0),
        };
        var attributes = default(Attributes);
        if (set == 0
            || SystemCall(get, 0, ref attributes, (nuint)Marshal.SizeOf<Attributes>(), 0) != 0 // the nice value stays as it is
            || attributes.Policy != OrdinaryPolicy)
        {
            return;
        }

        attributes.Runtime = Nanoseconds;
        _ = SystemCall(set, 0, ref attributes, 0, 0);
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
