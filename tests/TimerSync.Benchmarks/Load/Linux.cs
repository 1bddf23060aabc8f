using System.ComponentModel;
using System.Runtime.InteropServices;

namespace TimerSync.Benchmarks.Load;

/// <summary>
/// The system calls of the load program. One thread with epoll drives all its sockets: the framework's sockets would cost it
/// a thread hop per event, and it would be measured instead of the server.
/// </summary>
internal static unsafe partial class Linux
{
    public const uint Readable = 0x001;
    public const uint Writable = 0x004;
    public const uint Broken = 0x008 | 0x010; // EPOLLERR, EPOLLHUP

    private const int Add = 1;
    private const int Delete = 2;
    private const int Modify = 3;
    private const int NoSignal = 0x4000;
    private const int Again = 11;
    private const int Interrupted = 4;

    // struct epoll_event is packed on x86-64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventSize - sizeof(long);

    public static int CreateEpoll() => Check(EpollCreate(0));

    public static void Watch(int epoll, int socket, uint events, int data) => Control(epoll, Add, socket, events, data);

    public static void Rewatch(int epoll, int socket, uint events, int data) => Control(epoll, Modify, socket, events, data);

    public static void Unwatch(int epoll, int socket) => Control(epoll, Delete, socket, 0, 0);

    /// <summary>Waits until a socket is ready, or for so long.</summary>
    /// <param name="epoll">From <see cref="CreateEpoll"/>.</param>
    /// <param name="ready">Gets what is ready: the <c>data</c> of <see cref="Watch"/> and the events.</param>
    /// <param name="scratch">Room for the system's own records, 16 bytes each.</param>
    /// <param name="atMost">Zero returns at once.</param>
    public static int Wait(int epoll, Span<(int Data, uint Events)> ready, Span<byte> scratch, TimeSpan atMost)
    {
        var timeout = new TimeSpec((long)atMost.TotalSeconds, atMost.Ticks % TimeSpan.TicksPerSecond * 100);
        fixed (byte* records = scratch)
        {
            var count = EpollWait(epoll, records, ready.Length, &timeout, 0);
            if (count < 0 && Marshal.GetLastPInvokeError() == Interrupted)
            {
                return 0;
            }

            Check(count);
            for (var i = 0; i < count; i++)
            {
                var record = records + (i * EventSize);
                ready[i] = (*(int*)(record + DataOffset), *(uint*)record);
            }

            return count;
        }
    }

    /// <returns>Bytes sent; 0 when the socket takes none now; -1 when it is broken.</returns>
    public static int Send(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            return Transferred((int)Send(socket, start, (nuint)bytes.Length, NoSignal));
        }
    }

    /// <returns>Bytes received; 0 when there are none now; -1 when the peer has closed or the socket is broken.</returns>
    public static int Receive(int socket, Span<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            var count = (int)Receive(socket, start, (nuint)bytes.Length, 0);
            return count == 0 ? -1 : Transferred(count);
        }
    }

    /// <summary>Flushes a file's data to the disk, as a commit does.</summary>
    public static void SyncData(SafeHandle file) => Check(FdataSync((int)file.DangerousGetHandle()));

    private static int Transferred(int count) =>
        count >= 0 ? count : Marshal.GetLastPInvokeError() is Again or Interrupted ? 0 : -1;

    private static void Control(int epoll, int operation, int socket, uint events, int data)
    {
        var record = stackalloc byte[EventSize];
        *(uint*)record = events;
        *(long*)(record + DataOffset) = data;
        Check(EpollControl(epoll, operation, socket, record));
    }

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int epoll, int operation, int socket, void* record);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static partial int EpollWait(int epoll, void* records, int recordsMax, TimeSpec* timeout, nint signals);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int socket, void* bytes, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(int socket, void* bytes, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FdataSync(int file);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec(long seconds, long nanoseconds)
    {
        public readonly long Seconds = seconds;
        public readonly long Nanoseconds = nanoseconds;
    }
}
