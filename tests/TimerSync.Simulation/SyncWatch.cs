using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TimerSync.Simulation;

/// <summary>
/// Stands between SQLite and the operating system, and sees whether what was written to a write-ahead log was synced
/// (sqlite.org/vfs.html): <c>synchronous=NORMAL</c> loses commits only in a power cut, which no test of a process shows.
/// Per thread, which is per seed.
/// </summary>
internal static unsafe partial class SyncWatch
{
    // Places in SQLite's structures, on 64-bit systems: sqlite3_vfs and sqlite3_io_methods.
    private const int VfsOpen = 40;
    private const int MethodsWrite = 24;
    private const int MethodsSync = 40;
    private const int MethodsBytes = 152;

    private const int OpenWriteAheadLog = 0x00080000;

    private static delegate* unmanaged[Cdecl]<nint, nint, nint, int, nint, int> s_open;
    private static delegate* unmanaged[Cdecl]<nint, nint, int, long, int> s_write;
    private static delegate* unmanaged[Cdecl]<nint, int, int> s_sync;
    private static nint s_watchedMethods;

    [ThreadStatic]
    private static bool t_hasUnsyncedWrites;

    [ThreadStatic]
    private static long t_writes;

    /// <summary>Whether this thread's last write to a write-ahead log was not synced.</summary>
    public static bool HasUnsyncedWrites => t_hasUnsyncedWrites;

    /// <summary>Of this thread; more than 0 shows that the watch works.</summary>
    public static long Writes => t_writes;

    /// <summary>Watches every database that is opened from now on.</summary>
    public static void Start()
    {
        var open = (nint*)(FindVfs(null) + VfsOpen);
        s_open = (delegate* unmanaged[Cdecl]<nint, nint, nint, int, nint, int>)*open;
        *open = (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint, int, nint, int>)&Open;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(nint vfs, nint name, nint file, int flags, nint outFlags)
    {
        var result = s_open(vfs, name, file, flags, outFlags);
        if (result == 0 && (flags & OpenWriteAheadLog) != 0)
        {
            var methods = (nint*)file; // a file begins with the pointer to its methods
            *methods = WatchedMethods(*methods);
        }

        return result;
    }

    private static nint WatchedMethods(nint methods)
    {
        if (s_watchedMethods == 0)
        {
            s_write = (delegate* unmanaged[Cdecl]<nint, nint, int, long, int>)*(nint*)(methods + MethodsWrite);
            s_sync = (delegate* unmanaged[Cdecl]<nint, int, int>)*(nint*)(methods + MethodsSync);
            var watched = (nint)NativeMemory.Alloc(MethodsBytes);
            Buffer.MemoryCopy((void*)methods, (void*)watched, MethodsBytes, MethodsBytes);
            *(nint*)(watched + MethodsWrite) = (nint)(delegate* unmanaged[Cdecl]<nint, nint, int, long, int>)&Write;
            *(nint*)(watched + MethodsSync) = (nint)(delegate* unmanaged[Cdecl]<nint, int, int>)&Sync;
            s_watchedMethods = watched;
        }

        return s_watchedMethods;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(nint file, nint bytes, int count, long offset)
    {
        t_writes++;
        t_hasUnsyncedWrites = true;
        return s_write(file, bytes, count, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(nint file, int flags)
    {
        t_hasUnsyncedWrites = false;
        return s_sync(file, flags);
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_find")]
    private static partial nint FindVfs(byte* name);
}
