// The settings file: what the window remembers between two starts.
'use strict';

const fs = require('node:fs');

/** @typedef {{ serverAddress?: unknown, window?: unknown }} Settings */

/**
 * Reads the settings. A file that is missing or damaged is as good as an empty one: nothing in it is worth not starting.
 * @param {string} file
 * @returns {Settings}
 */
function readSettings(file) {
  try {
    const value = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * Writes beside the file and renames, so that a crash leaves the old settings or the new ones, never half of them.
 * @param {string} file
 * @param {Settings} settings
 * @throws {Error} when the disk does not take it
 */
function writeSettings(file, settings) {
  const partial = `${file}.partial`;
  fs.writeFileSync(partial, `${JSON.stringify(settings, null, 2)}\n`, { flush: true });
  fs.renameSync(partial, file);
}

module.exports = { readSettings, writeSettings };
