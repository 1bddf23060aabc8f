using System.Data.Common;
using System.IO.Pipelines;
using Carter;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Features.GetTimer;
using TimerSync.Features.Home;
using TimerSync.Features.Login;
using TimerSync.Features.Logout;
using TimerSync.Features.PostTimer;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Backplane;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Database.Sqlite;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;
using TimerSync.Infrastructure.Web;

try
{
    if (args is [MigrateCommand.Name, .. var options])
    {
        return await MigrateCommand.RunAsync(WebApplication.CreateBuilder(options).Configuration, CancellationToken.None);
    }

    TimeSlice.Shorten();
    var builder = WebApplication.CreateBuilder(args);
    AddServices(builder);

    // A trace and a log scope of every request, which nobody reads, and which live as long as a socket does.
    builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);

    // Host and EF Core would print a stack trace for a failed start; below it becomes one line, or goes on as it is.
    var isStarted = false;
    builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => isStarted && level >= LogLevel.Warning);
    builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", level => isStarted && level >= LogLevel.Warning);

    var app = builder.Build();
    app.Lifetime.ApplicationStarted.Register(() => isStarted = true);
    app.Services.GetRequiredService<IStartupValidator>().Validate(); // before the database is made
    await app.Services.GetRequiredService<DatabaseStart>().RunAsync(CancellationToken.None);
    UseMiddleware(app);
    await StartupProblem.ListenAsync(app);
    await using (app)
    {
        await app.WaitForShutdownAsync();
    }

    return 0;
}
catch (Exception exception) when (StartupProblem.Describe(exception) is { } line)
{
    await Console.Error.WriteLineAsync(line);
    return 1;
}

static void AddServices(WebApplicationBuilder builder)
{
    // Not in appsettings.json, which would win over ASPNETCORE_URLS.
    if (builder.Configuration["urls"] is null)
    {
        builder.WebHost.UseUrls("http://localhost:5080");
    }

    // Bounds that the framework leaves open, or wider than a timer needs.
    builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.Limits.MaxRequestBodySize = ShortBody.ReadBytesMax;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.MaxRequestBufferSize = 16 * 1024;
        kestrel.AddServerHeader = false;
        kestrel.DisableStringReuse = true; // a socket's request would keep the strings of its headers, its token the longest, for a next one that never comes
    });
    builder.WebHost.UseSockets(BoundedSockets.Configure);
    builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));

    // The page's files are those of the build also when the environment is not Development.
    builder.WebHost.UseStaticWebAssets();

    var services = builder.Services;
    services.AddSingleton(TimeProvider.System);
    services.AddProblemDetails();
    services.AddExceptionHandler<UnreadableRequestHandler>();
    services.AddHostedService<ShutdownDrain>();
    services.AddExceptionHandler<DatabaseUnavailableHandler>();
    services.AddSingleton<FragmentRenderer>();
    services.AddTokenAuthentication();
    services.AddKnownProxies();

    services.AddOptions<DatabaseOptions>().BindConfiguration(DatabaseOptions.Section).ValidateOnStart();
    services.AddSingleton<IValidateOptions<DatabaseOptions>, ValidateDatabaseOptions>();
    var database = builder.Configuration.GetSection(DatabaseOptions.Section).Get<DatabaseOptions>() ?? new DatabaseOptions();
    if (database.IsPostgres)
    {
        AddPostgres(services);
    }
    else
    {
        AddSqlite(services);
    }

    services.AddSingleton<DatabaseStart>();
    services.AddSingleton(provider => provider.GetRequiredService<DatabaseStart>().Identity);
    services.AddHealthChecks().AddCheck<DatabaseHealthCheck>("database");

    services.AddSingleton<ITimerReader, GetTimerHandler>();
    services.AddSingleton<TimerWriter>();
    services.AddHostedService(provider => provider.GetRequiredService<TimerWriter>());
    services.AddSingleton(PipeScheduler.ThreadPool);
    services.AddSingleton<ConnectionHub>();
    services.AddHostedService<ConnectionSweep>();
    services.AddSingleton<Heartbeat>();
    services.AddHostedService(provider => provider.GetRequiredService<Heartbeat>());

    services.AddOptions<LoginOptions>().BindConfiguration(LoginOptions.Section).ValidateOnStart();
    services.AddSingleton<IValidateOptions<LoginOptions>, ValidateLoginOptions>();
    services.AddSingleton<LoginThrottle>();
    services.AddSingleton<LoginHandler>();
    services.AddSingleton<IPasswordHasher<Account>, PasswordHasher<Account>>();
    services.AddOptions<PasswordHasherOptions>()
        .Configure<IOptions<LoginOptions>>((hasher, login) => hasher.IterationCount = login.Value.PasswordHashIterations);
    services.AddSingleton<LogoutHandler>();
    services.AddSingleton<PostTimerHandler>();

    services.AddOptions<SocketOptions>().BindConfiguration(SocketOptions.Section).ValidateOnStart();
    services.AddSingleton<IValidateOptions<SocketOptions>, ValidateSocketOptions>();
    services.AddSingleton<ISubprotocol, JsonSubprotocol>();
    services.AddSingleton<ISubprotocol, HtmlSubprotocol>();
    services.AddSingleton<ConnectionLoop>();

    services.AddCarter(
        options => options.OpenApi.Enabled = false, // Carter 5's own document answers 500 on today's FluentValidation
        configurator: features => features
            .WithModule<HomeModule>()
            .WithModule<LoginModule>()
            .WithModule<LogoutModule>()
            .WithModule<GetTimerModule>()
            .WithModule<PostTimerModule>()
            .WithModule<SyncSocketModule>());
}

static void AddSqlite(IServiceCollection services)
{
    services.AddPooledDbContextFactory<TimerSyncDb>((provider, db) => db
        .UseSqlite(provider.GetRequiredService<IOptions<DatabaseOptions>>().Value.ConnectionString)
        .AddInterceptors(new SqliteSettings()));
    services.AddSingleton(provider => SqliteSettings.CreateReaders(
        provider.GetRequiredService<IOptions<DatabaseOptions>>().Value.ConnectionString));
    services.AddSingleton<EpochFile>();
    services.AddSingleton<IDatabaseEngine, SqliteEngine>();
    services.AddSingleton<ITimerStore, SqliteTimerStore>();
    services.AddSingleton<IBackplane, InProcessBackplane>();
}

static void AddPostgres(IServiceCollection services)
{
    services.AddSingleton(provider => PostgresSettings.CreatePool(provider.GetRequiredService<IOptions<DatabaseOptions>>().Value.ConnectionString));
    services.AddSingleton<DbDataSource>(provider => provider.GetRequiredService<NpgsqlDataSource>());
    services.AddPooledDbContextFactory<TimerSyncDb>((provider, db) => db.UsePool(provider.GetRequiredService<NpgsqlDataSource>()));
    services.AddSingleton<PostgresFingerprint>();
    services.AddSingleton<IDatabaseEngine, PostgresEngine>();
    services.AddSingleton<ITimerStore, PostgresTimerStore>();
    services.AddSingleton<BackplaneReader>();
    services.AddSingleton<PostgresBackplane>();
    services.AddSingleton<IBackplane>(provider => provider.GetRequiredService<PostgresBackplane>());
    services.AddHostedService(provider => provider.GetRequiredService<PostgresBackplane>());
}

static void UseMiddleware(WebApplication app)
{
    AcceptedSocket.Use(app);
    app.UseForwardedHeaders(); // of known proxies alone: without any, what such a header says is ignored
    app.UseSecurityHeaders();
    app.UsePageConnections();
    app.UseExceptionHandler();
    app.UseStatusCodePages(); // 401, 404, 405 as problem+json
    app.UseRouting();
    app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan }); // Heartbeat pings instead
    app.UseAuthentication();
    app.UseOriginCheck();
    app.UseAuthorization();
    app.MapStaticAssets().ShortCircuit(); // needs no token, and no look at its session
    app.MapHealthChecks("/healthz", new() { Predicate = _ => false }).ShortCircuit(); // no token is looked up in a database that is away
    app.MapHealthChecks("/readyz");
    app.MapCarter();
}
