namespace TimerSync.Infrastructure.Web;

/// <summary>A request's body that may only be short.</summary>
internal static class ShortBody
{
    /// <summary>
    /// A longer request is answered before it has been received. Up to this size the rest is read all the same, and not kept: a
    /// client that is cut off while it sends does not hear why.
    /// </summary>
    public const long ReadBytesMax = 1024 * 1024;

    /// <returns>The whole body, to be read from its beginning; null when it is longer than it may be.</returns>
    /// <exception cref="BadHttpRequestException">It ends before its end, or is longer than <see cref="ReadBytesMax"/>.</exception>
    public static async Task<MemoryStream?> ReadAsync(HttpRequest request, int bytesMax)
    {
        if (request.ContentLength > bytesMax)
        {
            return null;
        }

        var buffer = new byte[bytesMax + 1];
        var length = await request.Body.ReadAtLeastAsync(
            buffer, buffer.Length, throwOnEndOfStream: false, request.HttpContext.RequestAborted);
        return length > bytesMax ? null : new MemoryStream(buffer, 0, length, writable: false, publiclyVisible: true);
    }
}
