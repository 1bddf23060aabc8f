using System.Globalization;
using TimerSync.Simulation.Model;

namespace TimerSync.Simulation;

/// <summary>What happened, so that one can see that the simulation does something.</summary>
internal sealed class Counts
{
    public long Steps { get; set; }

    public long Messages { get; set; }

    public long Frames { get; set; }

    public long Commits { get; set; }

    public long Changed { get; set; }

    public long Repeated { get; set; }

    public long UnknownTimer { get; set; }

    public long IdTaken { get; set; }

    public long Refused { get; set; }

    public long RateLimited { get; set; }

    public long Restarts { get; set; }

    public long Connections { get; set; }

    public long Lost { get; set; }

    public long ClockJumps { get; set; }

    public long Skipped { get; set; }

    public long Rests { get; set; }

    public void Add(ModelOutcome outcome)
    {
        Changed += outcome == ModelOutcome.Changed ? 1 : 0;
        Repeated += outcome == ModelOutcome.Repeated ? 1 : 0;
        UnknownTimer += outcome == ModelOutcome.UnknownTimer ? 1 : 0;
        IdTaken += outcome == ModelOutcome.IdTaken ? 1 : 0;
    }

    public void Add(Counts other)
    {
        foreach (var property in typeof(Counts).GetProperties())
        {
            property.SetValue(this, (long)property.GetValue(this)! + (long)property.GetValue(other)!);
        }
    }

    public override string ToString() => string.Join(", ", typeof(Counts).GetProperties().Select(
        property => string.Create(CultureInfo.InvariantCulture, $"{property.Name} {(long)property.GetValue(this)!:N0}")));
}
