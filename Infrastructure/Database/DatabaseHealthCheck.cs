using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Database;

/// <summary>Ready while the database can be read and took the last commit.</summary>
internal sealed class DatabaseHealthCheck(IDbContextFactory<TimerSyncDb> databases, TimerWriter writer) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            await db.QueryAsync<long>("SELECT count(*) AS \"Value\" FROM meta", cancellationToken);
            return writer.LastCommitSucceeded ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("The last commit failed.");
        }
        catch (DbException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }
}
