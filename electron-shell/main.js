// The desktop window around the server's pages: wiring only, read from top to bottom. What is decided is in policy.js.
// The page gets nothing from the shell: no preload, no IPC. What the shell wants to know it sees from the navigation.
'use strict';

const { app, BrowserWindow, Menu, nativeTheme, net, powerMonitor, screen, session } = require('electron');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { denyEverything, guard } = require('./lockdown');
const { menuTemplate } = require('./menu');
const policy = require('./policy');
const { readSettings, writeSettings } = require('./settings');

/** Longest wait for a probe's answer and for a page's first byte, in milliseconds. A dead network says nothing at all. */
const PROBE_MS_MAX = 3000;
const RESPONSE_MS_MAX = 8000;
/** The window shows itself after this many milliseconds at the latest, painted or not. */
const SHOW_MS_MAX = 1500;
/** A page that lived this long, in milliseconds, is sound: the waits start from the shortest again. */
const SOUND_MS_MIN = 10_000;
/** Moving a window says so many times a second; its place is written this long, in milliseconds, after the last one. */
const SAVE_MS = 500;
/** Chromium's code for a navigation that another one replaced: nothing is wrong. */
const ERR_ABORTED = -3;

const UNREACHABLE_PAGE = localPage('unreachable.html');
const ADDRESS_PAGE = localPage('server-address.html');
const IS_MAC = process.platform === 'darwin';

// Before the lock, which belongs to the folder: tests run side by side, each with a folder of its own.
if (process.env.TIMERSYNC_USER_DATA) app.setPath('userData', path.resolve(process.env.TIMERSYNC_USER_DATA));
const settingsFile = path.join(app.getPath('userData'), 'settings.json');
let settings = readSettings(settingsFile);
let server = policy.chooseServer(process.env.TIMERSYNC_URL, settings.serverAddress);

/** @type {BrowserWindow | null} */
let window = null;
/** What the window really shows. getURL() would already name a page that is still on its way. */
let shownUrl = '';
/** Attempts in a row that failed, and the timers and the probe under way; one of each at most. */
let failures = 0;
/** @type {AbortController | null} */
let probing = null;
/** @type {Record<'show' | 'retry' | 'response' | 'sound' | 'save', NodeJS.Timeout | undefined>} */
const timers = { show: undefined, retry: undefined, response: undefined, sound: undefined, save: undefined };

if (app.requestSingleInstanceLock()) {
  app.on('window-all-closed', () => { if (!IS_MAC) app.quit(); });
  app.on('web-contents-created', (_event, contents) => guard(contents, { decide, onCommand: obey, onRedirectRefused }));
  void app.whenReady().then(start);
} else {
  app.quit();
}

function start() {
  denyEverything(session.defaultSession);
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate({
    appName: app.name, isMac: IS_MAC, isPackaged: app.isPackaged, onServerAddress: () => { focusWindow(); showAddressPage(); },
  })));
  nativeTheme.on('updated', () => window?.setBackgroundColor(backgroundColor()));
  powerMonitor.on('resume', checkConnection);
  powerMonitor.on('unlock-screen', checkConnection);
  createWindow();
  app.on('second-instance', focusWindow);
  app.on('activate', focusWindow);
}

function createWindow() {
  const saved = /** @type {{ isMaximized?: unknown, isFullScreen?: unknown } | undefined} */ (settings.window);
  const created = window = new BrowserWindow({
    ...policy.restoreBounds(saved, screen.getAllDisplays().map((display) => display.workArea)),
    minWidth: policy.WINDOW_MIN.width,
    minHeight: policy.WINDOW_MIN.height,
    title: app.name,
    show: false,
    backgroundColor: backgroundColor(), // what is seen before the first paint: no white flash in the dark
    webPreferences: {
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false, // would fetch dictionaries from elsewhere
      backgroundThrottling: false, // a hidden window stays connected and keeps its clock
      devTools: !app.isPackaged,
    },
  });

  const show = () => {
    clearTimeout(timers.show);
    if (created.isVisible()) return;
    if (saved?.isMaximized === true) created.maximize();
    if (saved?.isFullScreen === true) created.setFullScreen(true);
    created.show();
  };
  created.once('ready-to-show', show);
  timers.show = setTimeout(show, SHOW_MS_MAX);

  created.on('resize', saveWindowSoon);
  created.on('move', saveWindowSoon);
  created.on('close', saveWindow);
  created.on('closed', () => {
    cancelRetry();
    Object.values(timers).forEach(clearTimeout);
    window = null;
    shownUrl = '';
  });
  watch(created.webContents);
  connect();
}

function focusWindow() {
  if (!window) return createWindow();
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** Follows the window's one page: which one is shown, and whether it is well. */
function watch(/** @type {Electron.WebContents} */ contents) {
  contents.on('did-start-navigation', (event) => {
    if (!event.isMainFrame || event.isSameDocument) return;
    clearTimeout(timers.response);
    timers.response = setTimeout(() => {
      if (contents.isWaitingForResponse()) showUnreachablePage('It does not answer.');
    }, RESPONSE_MS_MAX);
  });
  contents.on('did-navigate', (_event, url, httpStatus) => {
    shownUrl = url;
    cancelRetry();
    clearTimeout(timers.sound);
    if (isShown(UNREACHABLE_PAGE)) scheduleRetry();
    else if (isServerPageShown() && httpStatus >= 500) showUnreachablePage(`It answers with an error (${httpStatus}).`);
    else if (isServerPageShown()) timers.sound = setTimeout(() => { failures = 0; }, SOUND_MS_MIN);
  });
  contents.on('did-fail-load', (_event, code, description, url, isMainFrame) => {
    if (isMainFrame && code !== ERR_ABORTED && policy.mayNavigate(url, server.origin)) showUnreachablePage(description);
  });
  contents.on('render-process-gone', () => {
    shownUrl = '';
    scheduleRetry(connect); // not at once: a page that crashes every time would keep the machine busy
  });
}

/** Carries out what a local page asked for. */
function obey(/** @type {string} */ command, /** @type {string} */ text) {
  if (command === 'address') return showAddressPage();
  if (command === 'save' && !server.isFromEnvironment) {
    const address = policy.readAddress(text);
    if (address.problem !== null) return showAddressPage(address.problem, text);
    try {
      saveSettings({ ...settings, serverAddress: address.origin });
    } catch (error) {
      return showAddressPage(`The address could not be saved: ${error instanceof Error ? error.message : error}`, text);
    }
    server = policy.chooseServer(undefined, address.origin);
    failures = 0;
  }
  connect(); // after "save" and after "back"
}

/** Only a window without the server's page is told: where one is open nothing is lost, else it would stay empty for ever. */
function onRedirectRefused(/** @type {string} */ url) {
  if (!isServerPageShown()) showUnreachablePage(`It sends its visitors on to ${new URL(url).origin}.`);
}

function connect() {
  if (server.origin === null) showAddressPage(server.problem);
  else load(`${server.origin}/`);
}

function showUnreachablePage(/** @type {string} */ reason) {
  load(`${UNREACHABLE_PAGE}?${new URLSearchParams({ server: server.text, reason })}`);
}

function showAddressPage(problem = '', text = server.text) {
  const decidedBy = server.isFromEnvironment ? 'TIMERSYNC_URL' : '';
  const wayBack = server.origin ?? '';
  load(`${ADDRESS_PAGE}?${new URLSearchParams({ address: text, problem, decidedBy, wayBack })}`);
}

function load(/** @type {string} */ url) {
  window?.webContents.loadURL(url).catch(() => {}); // a failure also arrives as did-fail-load, and is handled there
}

/** @param {() => unknown} attempt */
function scheduleRetry(attempt = probe) {
  cancelRetry();
  timers.retry = setTimeout(attempt, policy.retryDelay(failures, Math.random()));
  failures += 1;
}

function cancelRetry() {
  clearTimeout(timers.retry);
  probing?.abort();
  probing = null;
}

/** Asks for the server's health first, so that the screen stays calm instead of flickering with each failed load. */
async function probe() {
  cancelRetry();
  const current = probing = new AbortController();
  const deadline = setTimeout(() => current.abort(), PROBE_MS_MAX);
  const isAlive = await net.fetch(`${server.origin}/healthz`, { signal: current.signal, cache: 'no-store', credentials: 'omit' })
    .then((response) => response.ok, () => false);
  clearTimeout(deadline);
  if (probing !== current) return; // something else is shown by now
  if (isAlive) connect();
  else scheduleRetry();
}

/** After sleep a socket may be dead without knowing it. The page listens to "online" and asks it; nothing is reloaded. */
function checkConnection() {
  if (isShown(UNREACHABLE_PAGE)) void probe();
  else if (isServerPageShown()) window?.webContents.executeJavaScript("window.dispatchEvent(new Event('online'))").catch(() => {});
}

function saveWindowSoon() {
  clearTimeout(timers.save);
  timers.save = setTimeout(saveWindow, SAVE_MS);
}

function saveWindow() {
  if (!window) return;
  const placed = { ...window.getNormalBounds(), isMaximized: window.isMaximized(), isFullScreen: window.isFullScreen() };
  try {
    saveSettings({ ...settings, window: placed });
  } catch (error) {
    console.error(`The window's place was not saved: ${error instanceof Error ? error.message : error}`);
  }
}

function saveSettings(/** @type {import('./settings').Settings} */ changed) {
  writeSettings(settingsFile, changed);
  settings = changed;
}

function decide(/** @type {string} */ url) {
  return policy.decideNavigation(url, { serverOrigin: server.origin, isFromLocalPage: isShown(UNREACHABLE_PAGE) || isShown(ADDRESS_PAGE) });
}

function isShown(/** @type {string} */ localUrl) {
  return shownUrl.split('?', 1)[0] === localUrl;
}

function isServerPageShown() {
  return policy.mayNavigate(shownUrl, server.origin);
}

/** The same colours as in pages/local.css. */
function backgroundColor() {
  return nativeTheme.shouldUseDarkColors ? '#14171a' : '#f6f5f1';
}

function localPage(/** @type {string} */ name) {
  return pathToFileURL(path.join(__dirname, 'pages', name)).href;
}
