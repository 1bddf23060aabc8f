'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { afterEach, beforeEach, test } = require('node:test');
const { readSettings, writeSettings } = require('../settings');

let folder = '';
let file = '';
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'timersync-settings-'));
  file = path.join(folder, 'settings.json');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

test('What is written is read back', () => {
  const settings = { serverAddress: 'https://timer.example.org', window: { x: 1, y: 2, width: 400, height: 500, isMaximized: true } };
  writeSettings(file, settings);
  assert.deepEqual(readSettings(file), settings);
});

test('A missing file is as good as an empty one', () => {
  assert.deepEqual(readSettings(file), {});
});

for (const text of ['', '{"serverAddress":', 'null', '[]', '42', '"text"', '\0\0\0']) {
  test(`A file with ${JSON.stringify(text)} in it is as good as an empty one`, () => {
    fs.writeFileSync(file, text);
    assert.deepEqual(readSettings(file), {});
  });
}

test('Writing leaves no second file behind', () => {
  writeSettings(file, {});
  writeSettings(file, { serverAddress: 'http://a' });
  assert.deepEqual(fs.readdirSync(folder), ['settings.json']);
});

test('A write that fails leaves the old settings as they were', () => {
  writeSettings(file, { serverAddress: 'http://old' });
  fs.mkdirSync(`${file}.partial`); // in the way of the new file
  assert.throws(() => writeSettings(file, { serverAddress: 'http://new' }));
  assert.deepEqual(readSettings(file), { serverAddress: 'http://old' });
});
