using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace TimerSync.Infrastructure.Web;

/// <summary>
/// Renders a Razor component to HTML, for pages and for what a socket sends. A new renderer each time: a shared one keeps
/// every component that it ever rendered.
/// </summary>
internal sealed class FragmentRenderer(IServiceProvider services, ILoggerFactory logs)
{
    /// <param name="parameters">The component's parameters by name.</param>
    public async Task<string> RenderAsync<TComponent>(params (string Name, object? Value)[] parameters)
        where TComponent : IComponent
    {
        await using var renderer = new HtmlRenderer(services, logs);
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var values = ParameterView.FromDictionary(parameters.ToDictionary(one => one.Name, one => one.Value, StringComparer.Ordinal));
            return (await renderer.RenderComponentAsync<TComponent>(values)).ToHtmlString();
        });
    }
}
