using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.SignalR;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TimerSync.Infrastructure.Database;

namespace TimerSync.Benchmarks.Yardsticks;

/// <summary>
/// What most .NET teams would build: a SignalR hub that stores each press with EF Core, one <c>SaveChanges</c> per command,
/// one writer at a time, as SQLite wants it. As durable as TimerSync, and no login at all.
/// </summary>
internal static class SignalRServer
{
    public static async Task<int> RunAsync(string[] options)
    {
        var builder = WebApplication.CreateSlimBuilder(options);
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IUserIdProvider, QueryUser>();
        builder.Services.AddSignalR(hub => hub.ClientTimeoutInterval = TimeSpan.FromMinutes(10)); // idle clients of the load program do not ping
        builder.Services.AddDbContextPool<YardstickDb>(db => db
            .UseSqlite($"Data Source={builder.Configuration["database"]}").AddInterceptors(new SqliteSettings()));
        await using var app = builder.Build();
        using (var scope = app.Services.CreateScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<YardstickDb>();
            await db.Database.ExecuteSqlRawAsync("""
                CREATE TABLE IF NOT EXISTS yardstick_timers (
                    "Id" TEXT NOT NULL PRIMARY KEY, "UserId" TEXT NOT NULL, "Status" TEXT NOT NULL,
                    "StartedAt" TEXT NOT NULL, "StoppedAt" TEXT, "Version" INTEGER NOT NULL);
                CREATE INDEX IF NOT EXISTS yardstick_timers_of_user ON yardstick_timers ("UserId", "Version");
                """);
        }

        app.MapHub<TimerHub>("/hub");
        await app.RunAsync();
        return 0;
    }

    private sealed class QueryUser : IUserIdProvider
    {
        public string? GetUserId(HubConnectionContext connection) => connection.GetHttpContext()?.Request.Query["user"];
    }
}

/// <summary>A stored run.</summary>
internal sealed class YardstickTimer
{
    public required string Id { get; set; }

    public required string UserId { get; set; }

    public required string Status { get; set; }

    public required DateTime StartedAt { get; set; }

    public DateTime? StoppedAt { get; set; }

    public required long Version { get; set; }
}

internal sealed class YardstickDb(DbContextOptions<YardstickDb> options) : DbContext(options)
{
    public DbSet<YardstickTimer> Timers => Set<YardstickTimer>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<YardstickTimer>().ToTable("yardstick_timers");
}

/// <summary>The hub: two methods, one event.</summary>
internal sealed class TimerHub(YardstickDb db) : Hub
{
    private static readonly SemaphoreSlim Writer = new(1);

    public override async Task OnConnectedAsync() => await Clients.Caller.SendAsync("timer_updated", ToEvent(await CurrentAsync()));

    public Task Start(string id) => ChangeAsync(async () =>
    {
        var current = await CurrentAsync();
        if (current is { Status: "running" })
        {
            (current.Status, current.StoppedAt) = ("stopped", DateTime.UtcNow);
        }

        db.Timers.Add(new YardstickTimer
        {
            Id = id,
            UserId = Context.UserIdentifier!,
            Status = "running",
            StartedAt = DateTime.UtcNow,
            Version = (current?.Version ?? 0) + 1,
        });
    });

    public Task Stop(string id) => ChangeAsync(async () =>
    {
        var timer = await db.Timers.FindAsync(id) ?? throw new UnreachableException("The load program stops what it started.");
        (timer.Status, timer.StoppedAt) = ("stopped", DateTime.UtcNow);
        timer.Version++;
    });

    private async Task ChangeAsync(Func<Task> change)
    {
        await Writer.WaitAsync();
        try
        {
            await change();
            await db.SaveChangesAsync();
            await Clients.User(Context.UserIdentifier!).SendAsync("timer_updated", ToEvent(await CurrentAsync()));
        }
        finally
        {
            Writer.Release();
        }
    }

    private Task<YardstickTimer?> CurrentAsync() =>
        db.Timers.Where(timer => timer.UserId == Context.UserIdentifier).OrderByDescending(timer => timer.Version).FirstOrDefaultAsync();

    private object ToEvent(YardstickTimer? timer) => new
    {
        id = timer?.Id,
        user_id = Context.UserIdentifier,
        status = timer?.Status ?? "stopped",
        started_at = timer?.StartedAt,
        stopped_at = timer?.StoppedAt,
        version = timer?.Version ?? 0,
        server_time = DateTime.UtcNow,
    };
}
