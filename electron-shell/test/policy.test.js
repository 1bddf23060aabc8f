'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const policy = require('../policy');

const LAPTOP = { x: 0, y: 25, width: 1440, height: 875 };
const SECOND_DISPLAY = { x: 1440, y: 0, width: 1920, height: 1080 };
const OWN = 'http://localhost:5080';

for (const [text, origin] of [
  ['http://localhost:5080', 'http://localhost:5080'],
  ['  https://Timer.Example.org/ ', 'https://timer.example.org'],
  ['https://timer.example.org:443', 'https://timer.example.org'],
  ['http://192.168.1.20:5080', 'http://192.168.1.20:5080'],
  ['http://[::1]:5080', 'http://[::1]:5080'],
]) {
  test(`Address ${JSON.stringify(text)} is taken as ${origin}`, () => {
    assert.deepEqual(policy.readAddress(text), { origin, problem: null });
  });
}

for (const [text, hint] of /** @type {[string, RegExp][]} */ ([
  ['', /Enter the address/],
  ['   ', /Enter the address/],
  ['nonsense', /“nonsense” is not a web address.*http:\/\/localhost:5080/],
  ['localhost:5080', /not a web address/],
  ['http://', /not a web address/],
  ['http://host:99999', /not a web address/],
  ['ftp://example.org', /not a web address/],
  ['file:///etc/passwd', /not a web address/],
  ['javascript:alert(1)', /not a web address/],
  ['https://anna:secret@example.org', /user name and password/],
  ['https://example.org/timers', /https:\/\/example\.org is enough/],
  ['https://example.org/?a=b', /is enough/],
  ['https://example.org/#top', /is enough/],
])) {
  test(`Address ${JSON.stringify(text)} is refused with a reason`, () => {
    const { origin, problem } = policy.readAddress(text);
    assert.equal(origin, null);
    assert.match(problem ?? '', hint);
  });
}

test('TIMERSYNC_URL decides over the saved address', () => {
  assert.deepEqual(policy.chooseServer('https://a.example/', 'https://b.example'),
    { origin: 'https://a.example', problem: null, text: 'https://a.example', isFromEnvironment: true });
});

test('The saved address decides over the default', () => {
  assert.equal(policy.chooseServer('', 'https://b.example').origin, 'https://b.example');
});

test('Without any setting the server is on this machine', () => {
  for (const saved of [undefined, null, '', 42, {}]) {
    assert.deepEqual(policy.chooseServer(undefined, saved), { origin: OWN, problem: null, text: OWN, isFromEnvironment: false });
  }
});

test('A bad TIMERSYNC_URL is reported by its name and not passed over', () => {
  const server = policy.chooseServer('localhost:5080', 'https://b.example');
  assert.equal(server.origin, null);
  assert.match(server.problem ?? '', /^TIMERSYNC_URL: .*not a web address/);
  assert.equal(server.text, 'localhost:5080');
});

test('A bad saved address is reported and not passed over', () => {
  const server = policy.chooseServer(undefined, 'gopher://old.example');
  assert.equal(server.origin, null);
  assert.equal(server.text, 'gopher://old.example');
});

test('The window may go anywhere within the server’s origin', () => {
  for (const url of [`${OWN}/`, `${OWN}/login?x=1#y`, 'HTTP://LOCALHOST:5080/a']) assert.ok(policy.mayNavigate(url, OWN), url);
});

for (const url of [
  'http://localhost:5081/', 'https://localhost:5080/', 'http://localhost:5080.evil.example/', 'http://localhost:5080@evil.example/',
  'http://127.0.0.1:5080/', 'file:///etc/passwd', 'about:blank', 'data:text/html,x', 'javascript:alert(1)',
  `blob:${OWN}/1234`, `view-source:${OWN}/`, '', 'nonsense',
]) {
  test(`The window may not go to ${JSON.stringify(url)}`, () => {
    assert.equal(policy.mayNavigate(url, OWN), false);
  });
}

test('Nothing is the server’s own while there is no server', () => {
  for (const url of ['about:blank', 'data:,x', 'file:///a', `${OWN}/`]) assert.equal(policy.mayNavigate(url, null), false);
});

test('Only web and mail addresses are handed to the operating system', () => {
  for (const url of ['http://example.org/', 'https://example.org/', 'mailto:someone@example.org']) assert.ok(policy.mayOpenExternally(url), url);
  for (const url of ['file:///bin/sh', 'smb://host/share', 'javascript:1', 'data:,x', 'vscode://x', 'ms-settings:', 'tel:1', 'timersync-shell:save', '']) {
    assert.equal(policy.mayOpenExternally(url), false, url);
  }
});

test('A foreign link from the page opens outside, its own stays inside, the rest goes nowhere', () => {
  const page = { serverOrigin: OWN, isFromLocalPage: false };
  assert.deepEqual(policy.decideNavigation(`${OWN}/login`, page), { verdict: 'allow' });
  assert.deepEqual(policy.decideNavigation('https://example.org/', page), { verdict: 'external' });
  assert.deepEqual(policy.decideNavigation('file:///etc/passwd', page), { verdict: 'refuse' });
});

test('Only a local page can change the server address', () => {
  const url = 'timersync-shell:save?address=http%3A%2F%2Fevil.example';
  assert.deepEqual(policy.decideNavigation(url, { serverOrigin: OWN, isFromLocalPage: false }), { verdict: 'refuse' });
  assert.deepEqual(policy.decideNavigation(url, { serverOrigin: OWN, isFromLocalPage: true }),
    { verdict: 'command', command: 'save', address: 'http://evil.example' });
});

test('A link of a local page is a command without an address', () => {
  assert.deepEqual(policy.decideNavigation('timersync-shell:address', { serverOrigin: null, isFromLocalPage: true }),
    { verdict: 'command', command: 'address', address: '' });
});

test('The first start has the default size, centred', () => {
  for (const saved of [undefined, null, 'x', [], {}, { x: 1, y: 1, width: '400', height: 500 }, { x: null, y: 0, width: 400, height: NaN }]) {
    assert.deepEqual(policy.restoreBounds(saved, [LAPTOP]), policy.WINDOW_DEFAULT);
  }
});

test('A window that is visible comes back where it was', () => {
  const saved = { x: 1500, y: 100, width: 500, height: 600 };
  assert.deepEqual(policy.restoreBounds(saved, [LAPTOP, SECOND_DISPLAY]), saved);
});

test('A window of a display that is gone keeps its size and is centred', () => {
  assert.deepEqual(policy.restoreBounds({ x: 1500, y: 100, width: 500, height: 600 }, [LAPTOP]), { width: 500, height: 600 });
});

test('A window half outside is moved inside', () => {
  assert.deepEqual(policy.restoreBounds({ x: -300, y: 800, width: 400, height: 500 }, [LAPTOP]), { x: 0, y: 400, width: 400, height: 500 });
});

test('A window larger than its display shrinks to it', () => {
  assert.deepEqual(policy.restoreBounds({ x: 0, y: 25, width: 9000, height: 9000 }, [LAPTOP]), LAPTOP);
});

test('A window never gets smaller than its minimum', () => {
  assert.deepEqual(policy.restoreBounds({ x: 10, y: 30, width: 5, height: -5 }, [LAPTOP]), policy.WINDOW_MIN);
  assert.deepEqual(policy.restoreBounds({ x: 10, y: 30, width: 5, height: 5 }, [LAPTOP]), { x: 10, y: 30, ...policy.WINDOW_MIN });
});

test('A window across two displays goes to the one with more of it', () => {
  assert.deepEqual(policy.restoreBounds({ x: 1240, y: 100, width: 800, height: 600 }, [LAPTOP, SECOND_DISPLAY]), { x: 1440, y: 100, width: 800, height: 600 });
});

test('Without any display the default stands in', () => {
  assert.deepEqual(policy.restoreBounds({ x: 0, y: 0, width: 9000, height: 9000 }, []), policy.WINDOW_DEFAULT);
});

test('Waits double from the first to the longest', () => {
  const longest = [0, 1, 2, 3, 4, 5].map((failures) => policy.retryDelay(failures, 1));
  assert.deepEqual(longest, [250, 500, 1000, 2000, 3000, 3000]);
});

test('Chance takes off half of a wait at most', () => {
  assert.equal(policy.retryDelay(0, 0), 125);
  assert.equal(policy.retryDelay(9, 0), policy.RETRY_MS_MAX / 2);
});

test('Waits stay bounded however long the server is away', () => {
  for (const failures of [100, 5000, Number.MAX_SAFE_INTEGER]) assert.equal(policy.retryDelay(failures, 1), policy.RETRY_MS_MAX);
});
