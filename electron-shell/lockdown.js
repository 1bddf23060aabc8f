// What a page in the window may not do. Holds for every page, the server's too: it might be someone else's server one day.
'use strict';

const { shell } = require('electron');

/**
 * A timer needs no camera, no location and no files: whatever a page asks for, the answer is no, without a question.
 * @param {Electron.Session} session
 */
function denyEverything(session) {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false); // HID, serial, USB
  session.on('will-download', (event) => event.preventDefault());
  // Capturing the screen stays refused as long as no display media handler is set.
}

/**
 * Keeps whatever is shown where it belongs, frames included. A link that leads elsewhere opens in the browser.
 * @param {Electron.WebContents} contents
 * @param {{
 *   decide: (url: string) => import('./policy').Decision,
 *   onCommand: (command: string, address: string) => void,
 *   onRedirectRefused: (url: string) => void,
 * }} shellSide what is decided and who is told; told after the event, when Chromium is done with what was refused
 */
function guard(contents, { decide, onCommand, onRedirectRefused }) {
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (decide(url).verdict === 'external') void shell.openExternal(url);
    return { action: 'deny' };
  });
  contents.on('will-navigate', (event) => {
    const decision = decide(event.url);
    if (decision.verdict === 'allow') return;
    event.preventDefault();
    if (decision.verdict === 'external') void shell.openExternal(event.url);
    if (decision.verdict === 'command') setImmediate(onCommand, decision.command, decision.address);
  });
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame && decide(event.url).verdict !== 'allow') event.preventDefault();
  });
  contents.on('will-redirect', (event) => {
    if (decide(event.url).verdict === 'allow') return;
    event.preventDefault();
    if (event.isMainFrame) setImmediate(onRedirectRefused, event.url);
  });
}

module.exports = { denyEverything, guard };
