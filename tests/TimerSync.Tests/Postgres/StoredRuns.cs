using TimerSync.Infrastructure.Timers;
using TimerSync.Tests.Timers;

namespace TimerSync.Tests.Postgres;

/// <summary>The runs of a user as the database has them, in the words of <see cref="TimerModel.Describe"/>.</summary>
internal static class StoredRuns
{
    public static string Of(TimerSyncServer server, string userId)
    {
        using var database = server.OpenDatabase();
        using var select = database.CreateCommand();
        select.CommandText = "SELECT id, status, started_at, stopped_at FROM timers WHERE user_id = @user_id ORDER BY started_at, id";
        select.AddParameter("user_id", userId);
        using var rows = select.ExecuteReader();
        var runs = new List<string>();
        while (rows.Read())
        {
            runs.Add(RunText.Of(
                rows.GetString(0),
                rows.GetString(1) == "running" ? TimerStatus.Running : TimerStatus.Stopped,
                DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(2)),
                rows.IsDBNull(3) ? null : DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(3))));
        }

        return string.Join('\n', runs);
    }
}
