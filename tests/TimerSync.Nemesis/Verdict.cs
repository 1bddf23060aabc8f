using System.Globalization;
using System.Text;

namespace TimerSync.Nemesis;

/// <summary>What is to be said of everybody's history when all is over.</summary>
internal static class Verdict
{
    /// <summary>Adds what is wrong.</summary>
    /// <returns>A file that has the first wrong history in full; null when nothing is.</returns>
    public static async Task<string?> OfAsync(
        IReadOnlyList<Person> people, IReadOnlyDictionary<string, StoredTimer> stored, int seed, List<string> violations)
    {
        string? file = null;
        foreach (var person in people)
        {
            var timer = stored.GetValueOrDefault(person.Account.UserId, StoredTimer.None);
            var wrong = HistoryChecker.Check(person.History, timer);
            if (wrong.Count > 0)
            {
                violations.AddRange(wrong.Select(violation => $"{person.Account.UserId}: {violation}"));
                file ??= Path.Combine(Path.GetTempPath(), $"nemesis-{seed}-{person.Account.UserId}.txt");
                await File.WriteAllTextAsync(file, Describe(person.History, timer, wrong));
            }
        }

        return file;
    }

    private static string Describe(History history, StoredTimer stored, IReadOnlyList<string> violations)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"user {history.UserId}").AppendLine().AppendLine("violations:");
        text.AppendJoin('\n', violations).AppendLine().AppendLine().AppendLine("operations:");
        text.AppendJoin('\n', history.Operations).AppendLine().AppendLine().AppendLine("snapshots:");
        text.AppendJoin('\n', history.Sightings).AppendLine().AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"database, at version {stored.Version}:");
        text.AppendJoin('\n', stored.Rows.Values.OrderBy(row => row.StartedAt)).AppendLine();
        return text.ToString();
    }
}
