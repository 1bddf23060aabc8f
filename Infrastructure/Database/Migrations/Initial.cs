using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace TimerSync.Infrastructure.Database.Migrations;

/// <summary>The first schema. A later change is a new class and a new file, numbered on.</summary>
[DbContext(typeof(TimerSyncDb))]
[Migration("0001_initial")]
internal sealed class Initial : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql(EmbeddedSql.Load("0001_initial.sql"));
        if (migrationBuilder.IsNpgsql())
        {
            migrationBuilder.Sql(EmbeddedSql.Load("0001_initial.postgres.sql"));
        }
    }
}
