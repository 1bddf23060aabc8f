'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { menuTemplate } = require('../menu');

/** @param {Partial<Parameters<typeof menuTemplate>[0]>} options */
function menu(options) {
  return menuTemplate({ appName: 'TimerSync', isMac: true, isPackaged: true, onServerAddress: () => {}, ...options });
}

/** @param {ReturnType<typeof menu>[number]} item @returns {(string | undefined)[]} roles and labels in order */
function entries(item) {
  const submenu = /** @type {ReturnType<typeof menu>} */ (item.submenu);
  return submenu.filter(({ type }) => type !== 'separator').map(({ role, label }) => role ?? label);
}

test('The macOS app menu follows the platform’s order', () => {
  assert.deepEqual(entries(menu({})[0]), ['about', 'Server Address…', 'services', 'hide', 'hideOthers', 'unhide', 'quit']);
});

test('Elsewhere a File menu has what belongs to the app', () => {
  assert.deepEqual(entries(menu({ isMac: false })[0]), ['Server Address…', 'about', 'quit']);
});

test('Edit, View and Window follow on every system', () => {
  for (const isMac of [true, false]) assert.deepEqual(menu({ isMac }).slice(1).map(({ role, label }) => role ?? label), ['editMenu', '&View', 'windowMenu']);
});

test('Developer tools are there only while the app is not packaged', () => {
  assert.equal(entries(menu({ isPackaged: true })[2]).includes('toggleDevTools'), false);
  assert.equal(entries(menu({ isPackaged: false })[2]).includes('toggleDevTools'), true);
});

test('The server address opens with the platform’s settings shortcut', () => {
  const submenu = /** @type {ReturnType<typeof menu>} */ (menu({})[0].submenu);
  assert.equal(submenu.find(({ label }) => label === 'Server Address…')?.accelerator, 'CmdOrCtrl+,');
});
