using System.Diagnostics;
using System.Globalization;

namespace TimerSync.EndToEnd;

/// <summary>Programs as the system sees them: what a browser does not do to itself.</summary>
public static class Processes
{
    /// <summary>The browser that uses a folder.</summary>
    public static int Find(string folder) => All().Single(id =>
        Read(id, "cmdline") is var command && command.Contains(folder, StringComparison.Ordinal) && IsBrowser(command));

    /// <summary>Sends a signal to a program and to all that it started, as sleep does: <c>STOP</c>, <c>CONT</c>.</summary>
    public static void SignalTree(int root, string signal)
    {
        var parents = All().ToDictionary(id => id, ParentOf);
        SignalAll(signal, parents.Keys.Where(id => IsIn(id)));

        bool IsIn(int id) => id == root || (parents.TryGetValue(id, out var parent) && IsIn(parent));
    }

    /// <summary><c>kill -9</c>, of this one alone: what it started has to notice by itself.</summary>
    public static void Kill(int id) => SignalAll("KILL", [id]);

    private static void SignalAll(string signal, IEnumerable<int> ids)
    {
        string[] arguments = [$"-{signal}", .. ids.Select(id => id.ToString(CultureInfo.InvariantCulture))];
        using var kill = Process.Start("kill", arguments);
        kill.WaitForExit();
    }

    private static bool IsBrowser(string command) =>
        command.Contains("--user-data-dir=", StringComparison.Ordinal) && !command.Contains("--type=", StringComparison.Ordinal);

    private static IEnumerable<int> All() => Directory.EnumerateDirectories("/proc")
        .Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture));

    /// <summary>The name, in brackets, may hold anything; the parent is the second field behind it.</summary>
    private static int ParentOf(int id) =>
        Read(id, "stat") is { Length: > 0 } stat ? int.Parse(stat[(stat.LastIndexOf(')') + 1)..].Split(' ')[2], CultureInfo.InvariantCulture) : 0;

    private static string Read(int id, string what)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{what}");
        }
        catch (IOException)
        {
            return ""; // it has ended
        }
    }
}
