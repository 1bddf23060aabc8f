using FsCheck;
using FsCheck.Fluent;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Timers;

/// <summary>One press as FsCheck makes it: small numbers, so that users, ids and times collide often.</summary>
internal sealed record Press(TimerAction Action, int User, int Run, int Second);

/// <summary>Makes presses, and turns them into commands.</summary>
internal static class Presses
{
    public const int Users = 3;
    public const int Runs = 6;
    public const int Seconds = 6;

    public static readonly DateTimeOffset Begin = new(2025, 9, 15, 20, 15, 0, TimeSpan.Zero);

    /// <summary>Their text order differs from an order by signed numbers or by little-endian bytes.</summary>
    private static readonly string[] IdHeads =
    [
        "00000001-ff00-4000-8000-", "7fffffff-8000-4000-8000-", "80000000-0000-4000-8000-",
        "80000000-0100-4000-8000-", "80000000-00ff-4000-8000-", "ffffffff-7fff-4000-8000-",
    ];

    public static Gen<Press> One { get; } =
        from action in Gen.Elements(TimerAction.Start, TimerAction.Stop)
        from user in Gen.Choose(0, Users - 1)
        from run in Gen.Choose(0, Runs - 1)
        from second in Gen.Choose(0, Seconds - 1)
        select new Press(action, user, run, second);

    /// <summary>Any commands at all, mistakes included.</summary>
    public static Arbitrary<Press[]> Any { get; } = Arb.From(One.ArrayOf(), WithoutOne);

    /// <summary>Commands of one user in which every stop follows a start of its run, and a run is started at one time only.</summary>
    public static Arbitrary<Press[]> InOrder { get; } =
        Arb.From(One.ArrayOf().Select(InOrderOf), all => WithoutOne(all).Select(InOrderOf));

    /// <summary>The id of a run; a group keeps the ids of one case apart from those of another in one database.</summary>
    public static Guid IdOf(int run, int group = 0) => Guid.Parse($"{IdHeads[run]}{group:x12}");

    public static string UserOf(int user, int group = 0) => $"u_{group}_{user}";

    public static TimerCommand ToCommand(this Press press, int group = 0) => new(
        press.Action, UserOf(press.User, group), IdOf(press.Run, group), Begin.AddSeconds(press.Second));

    /// <summary>All orders of the presses that keep every stop after a start of its run.</summary>
    public static IEnumerable<Press[]> Interleavings(Press[] presses) => Interleavings(presses, []);

    private static IEnumerable<Press[]> Interleavings(Press[] presses, int[] started)
    {
        if (presses.Length == 0)
        {
            yield return [];
        }

        for (var i = 0; i < presses.Length; i++)
        {
            var first = presses[i];
            if (first.Action == TimerAction.Start || started.Contains(first.Run))
            {
                foreach (var others in Interleavings([.. presses[..i], .. presses[(i + 1)..]], [.. started, first.Run]))
                {
                    yield return [first, .. others];
                }
            }
        }
    }

    private static Press[] InOrderOf(Press[] presses)
    {
        var startedAt = new Dictionary<int, int>();
        var inOrder = new List<Press>();
        foreach (var press in presses.Select(one => one with { User = 0 }))
        {
            if (startedAt.TryAdd(press.Run, press.Second))
            {
                inOrder.Add(press with { Action = TimerAction.Start });
            }
            else
            {
                inOrder.Add(press.Action == TimerAction.Start ? press with { Second = startedAt[press.Run] } : press);
            }
        }

        return [.. inOrder];
    }

    private static IEnumerable<Press[]> WithoutOne(Press[] presses) =>
        presses.Select((_, i) => (Press[])[.. presses[..i], .. presses[(i + 1)..]]);
}
