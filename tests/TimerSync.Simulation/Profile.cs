using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Simulation;

/// <summary>
/// What one seed's world is like. Each seed has its own mix, and leaves most troubles out: what happens rarely together
/// with everything else happens often in some seeds.
/// </summary>
internal sealed class Profile
{
    public const int UsersMax = 3;

    private readonly Random _random;

    public Profile(Random random)
    {
        _random = random;
        Users = random.Next(1, UsersMax + 1);
        DevicesPerUser = random.Next(1, 5);
        Steps = random.Next(100, 1300);
        RunWeight = random.Next(10, 200);
        ToServerWeight = random.Next(5, 100);
        ToClientWeight = random.Next(5, 100);
        CommitWeight = random.Next(5, 50);
        ActWeight = random.Next(5, 100);
        TimeWeight = random.Next(1, 20);
        Refusals = Sometimes(0.5);
        CrashesInCommit = Sometimes(0.1);
        ReadFails = Sometimes(0.2);
        Others = random.Next(0, 12);
        ConnectWeight = random.Next(5, 50);
        DisconnectWeight = Trouble() * 2;
        VanishWeight = Trouble();
        StallWeight = Trouble() * 5;
        CrashWeight = Trouble();
        StopWeight = Trouble();
        LogoutWeight = Trouble();
        ClockJumpWeight = Trouble();
        ClockErrors = random.Next(2) == 0;
        TokenLifetime = random.Next(3) == 0 ? TimeSpan.FromSeconds(random.Next(5, 600)) : TimeSpan.FromDays(7);
        StepMax = random.Next(3) switch { 0 => TimeSpan.FromMilliseconds(20), 1 => TimeSpan.FromSeconds(3), _ => TimeSpan.FromHours(3) };
        Limits = new SocketOptions { ConnectionsPerUser = random.Next(4) == 0 ? DevicesPerUser : 50 };
        if (random.Next(5) != 0)
        {
            Limits.CommandBurst = 100_000;
        }
    }

    public int Users { get; }

    public int DevicesPerUser { get; }

    public int Steps { get; }

    public int RunWeight { get; }

    public int ToServerWeight { get; }

    public int ToClientWeight { get; }

    public int CommitWeight { get; }

    public int ActWeight { get; }

    public int TimeWeight { get; }

    public int ConnectWeight { get; }

    public int DisconnectWeight { get; }

    public int VanishWeight { get; }

    public int StallWeight { get; }

    public int CrashWeight { get; }

    public int StopWeight { get; }

    public int LogoutWeight { get; }

    public int ClockJumpWeight { get; }

    /// <summary>Share of commits that the database refuses.</summary>
    public double Refusals { get; }

    /// <summary>Share of commits in which the machine stops.</summary>
    public double CrashesInCommit { get; }

    /// <summary>Share of first reads that fail.</summary>
    public double ReadFails { get; }

    /// <summary>At most so many other steps happen while a commit takes its time.</summary>
    public int Others { get; }

    public bool ClockErrors { get; }

    public TimeSpan TokenLifetime { get; }

    /// <summary>Time passes in steps of at most this.</summary>
    public TimeSpan StepMax { get; }

    public SocketOptions Limits { get; }

    private int Trouble() => _random.Next(3) == 0 ? _random.Next(1, 5) : 0;

    private double Sometimes(double shareMax) => _random.Next(3) == 0 ? _random.NextDouble() * shareMax : 0;
}
