using System.Text.Json.Serialization;

namespace TimerSync.Infrastructure.Timers;

/// <summary>JSON of the contract: snake_case, nulls written, times as RFC 3339 with milliseconds.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(WireTimeConverter)])]
[JsonSerializable(typeof(TimerSnapshot))]
[JsonSerializable(typeof(CommandError))]
internal sealed partial class WireJson : JsonSerializerContext;
