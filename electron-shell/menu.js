// The application menu as data. On macOS it follows the platform's order; elsewhere a File menu takes the app menu's place.
'use strict';

/** @typedef {import('electron').MenuItemConstructorOptions} Item */

/**
 * @param {{ appName: string, isMac: boolean, isPackaged: boolean, onServerAddress: () => void }} options
 * @returns {Item[]}
 */
function menuTemplate({ appName, isMac, isPackaged, onServerAddress }) {
  /** @type {Item} */
  const separator = { type: 'separator' };
  /** @type {Item} */
  const serverAddress = { label: 'Server Address…', accelerator: 'CmdOrCtrl+,', click: onServerAddress };

  /** @type {Item} */
  const appMenu = {
    label: appName,
    submenu: [
      { role: 'about' }, separator, serverAddress, separator, { role: 'services' }, separator,
      { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, separator, { role: 'quit' },
    ],
  };
  /** @type {Item} */
  const fileMenu = { label: '&File', submenu: [serverAddress, separator, { role: 'about' }, separator, { role: 'quit' }] };
  /** @type {Item} */
  const viewMenu = {
    label: '&View',
    submenu: [
      { role: 'reload' }, separator, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, separator,
      { role: 'togglefullscreen' }, ...(isPackaged ? [] : [separator, /** @type {Item} */ ({ role: 'toggleDevTools' })]),
    ],
  };
  return [isMac ? appMenu : fileMenu, { role: 'editMenu' }, viewMenu, { role: 'windowMenu' }];
}

module.exports = { menuTemplate };
