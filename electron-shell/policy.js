// The shell's decisions as pure functions: no Electron, no clock, no files, so that `node --test` can ask them anything.
'use strict';

/** Where the server is when nobody says otherwise (wire contract, section 5). */
const DEFAULT_ADDRESS = 'http://localhost:5080';

/** Window size in pixels: at the first start, and the least that still shows clock and button. */
const WINDOW_DEFAULT = { width: 420, height: 560 };
const WINDOW_MIN = { width: 320, height: 420 };

/** First and longest wait, in milliseconds, before the server is tried again. */
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 3000;

/** The local pages ask for something by going to `timersync-shell:<command>`; no such address is ever loaded. */
const COMMAND_SCHEME = 'timersync-shell:';

/** What the operating system may be asked to open. Everything else (file:, smb:, custom schemes) could run something. */
const EXTERNAL_SCHEMES = ['http:', 'https:', 'mailto:'];

/** @typedef {{ x?: number, y?: number, width: number, height: number }} Bounds */
/** @typedef {{ x: number, y: number, width: number, height: number }} Area */
/** @typedef {{ origin: string, problem: null } | { origin: null, problem: string }} Address */
/** @typedef {Address & { text: string, isFromEnvironment: boolean }} Server */
/** @typedef {{ verdict: 'allow' | 'external' | 'refuse' } | { verdict: 'command', command: string, address: string }} Decision */

/**
 * Reads an address that a person typed.
 * @param {string} text
 * @returns {Address} the origin to load, or what is wrong with the text in words for that person
 */
function readAddress(text) {
  const trimmed = text.trim();
  if (trimmed === '') return refused('Enter the address of the server.');

  const url = parseUrl(trimmed);
  // "localhost:5080" parses, with "localhost:" as its scheme: the same advice helps.
  if (!url || !isWeb(url)) {
    return refused(`“${trimmed}” is not a web address. It has to look like http://localhost:5080 or https://timer.example.org.`);
  }
  if (url.username || url.password) {
    return refused('Leave the user name and password out of the address. You sign in on the page.');
  }
  if (url.pathname !== '/' || url.search || url.hash) {
    return refused(`Leave out what follows the host: ${url.origin} is enough.`);
  }
  return { origin: url.origin, problem: null };
}

/**
 * Chooses the server: TIMERSYNC_URL, else the saved setting, else the default. A bad one is not skipped for the next in
 * line, because the window would then quietly show another server than the one that was asked for.
 * @param {string | undefined} environmentAddress value of TIMERSYNC_URL
 * @param {unknown} savedAddress
 * @returns {Server}
 */
function chooseServer(environmentAddress, savedAddress) {
  if (environmentAddress) {
    const address = readAddress(environmentAddress);
    return address.problem === null
      ? { ...address, text: address.origin, isFromEnvironment: true }
      : { ...refused(`TIMERSYNC_URL: ${address.problem}`), text: environmentAddress, isFromEnvironment: true };
  }
  const text = typeof savedAddress === 'string' && savedAddress ? savedAddress : DEFAULT_ADDRESS;
  const address = readAddress(text);
  return { ...address, text: address.origin ?? text, isFromEnvironment: false };
}

/**
 * Whether a URL is the server's own and may be shown in the window.
 * @param {string} url
 * @param {string | null} serverOrigin
 */
function mayNavigate(url, serverOrigin) {
  const parsed = parseUrl(url);
  // The scheme is asked for as well: a blob: address has the origin of the page that made it.
  return parsed !== null && isWeb(parsed) && parsed.origin === serverOrigin;
}

/** @param {string} url */
function mayOpenExternally(url) {
  const parsed = parseUrl(url);
  return parsed !== null && EXTERNAL_SCHEMES.includes(parsed.protocol);
}

/**
 * Decides what becomes of a navigation that a page began.
 * @param {string} url where it leads
 * @param {{ serverOrigin: string | null, isFromLocalPage: boolean }} from the shell's commands are for its own pages alone
 * @returns {Decision}
 */
function decideNavigation(url, { serverOrigin, isFromLocalPage }) {
  if (mayNavigate(url, serverOrigin)) return { verdict: 'allow' };
  if (mayOpenExternally(url)) return { verdict: 'external' };
  const parsed = parseUrl(url);
  if (isFromLocalPage && parsed?.protocol === COMMAND_SCHEME) {
    return { verdict: 'command', command: parsed.pathname, address: parsed.searchParams.get('address') ?? '' };
  }
  return { verdict: 'refuse' };
}

/**
 * Fits the remembered window into the displays of today, so that it never opens where nobody can see it.
 * @param {unknown} saved whatever the settings file had
 * @param {Area[]} workAreas displays without their bars
 * @returns {Bounds} without x and y when the window is to be centred
 */
function restoreBounds(saved, workAreas) {
  if (!isArea(saved)) return { ...WINDOW_DEFAULT };
  const area = workAreas
    .map((workArea) => ({ workArea, shared: sharedPixels(saved, workArea) }))
    .reduce((best, next) => (next.shared > best.shared ? next : best), { workArea: workAreas[0], shared: 0 });

  const width = fit(saved.width, WINDOW_MIN.width, area.workArea?.width ?? WINDOW_DEFAULT.width);
  const height = fit(saved.height, WINDOW_MIN.height, area.workArea?.height ?? WINDOW_DEFAULT.height);
  if (area.shared === 0) return { width, height };

  const { workArea } = area;
  return {
    x: fit(saved.x, workArea.x, workArea.x + workArea.width - width),
    y: fit(saved.y, workArea.y, workArea.y + workArea.height - height),
    width,
    height,
  };
}

/**
 * How long to wait before the next attempt: doubling up to the maximum, with the upper half left to chance so that the
 * windows of many people do not all knock at once when a server comes back.
 * @param {number} failures attempts that failed so far
 * @param {number} random from 0 to 1
 * @returns {number} milliseconds
 */
function retryDelay(failures, random) {
  const longest = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** Math.min(failures, 30));
  return Math.round(longest * (0.5 + random / 2));
}

/** The maximum wins over the minimum: a display may be smaller than the least window. */
function fit(/** @type {number} */ value, /** @type {number} */ min, /** @type {number} */ max) {
  return Math.round(Math.min(Math.max(value, min), max));
}

/** @param {string} text */
function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** @param {URL} url */
function isWeb(url) {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

/** @param {string} problem @returns {{ origin: null, problem: string }} */
function refused(problem) {
  return { origin: null, problem };
}

/** @param {unknown} value @returns {value is Area} */
function isArea(value) {
  if (typeof value !== 'object' || value === null) return false;
  const area = /** @type {Record<string, unknown>} */ (value);
  return ['x', 'y', 'width', 'height'].every((key) => Number.isFinite(area[key]));
}

/** @param {Area} a @param {Area} b */
function sharedPixels(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

module.exports = {
  DEFAULT_ADDRESS, WINDOW_DEFAULT, WINDOW_MIN, RETRY_MS_FIRST, RETRY_MS_MAX,
  readAddress, chooseServer, mayNavigate, mayOpenExternally, decideNavigation, restoreBounds, retryDelay,
};
