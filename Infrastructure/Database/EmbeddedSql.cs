using System.Reflection;

namespace TimerSync.Infrastructure.Database;

/// <summary>The <c>.sql</c> files that lie beside the code that runs them, embedded by name.</summary>
internal static class EmbeddedSql
{
    /// <param name="fileName">Unique in the project, such as <c>GetTimer.sql</c>.</param>
    public static string Load(string fileName)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(fileName)
            ?? throw new InvalidOperationException($"{fileName} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
