'use strict';
// The glue between the server's fragments and a clock that runs. The server decides what the timer is; this file keeps the
// digits moving, keeps presses until the server has them, and tells whether the connection is alive.
(() => {
  // All times in milliseconds.
  const heartbeatEvery = 4000;          // while the page is seen; "Reconnecting" shows within this plus silenceMax
  const heartbeatEveryHidden = 20000;
  const silenceMax = 4000;              // a ping without an answer for so long: the connection is dead
  const connectMax = 5000;              // a connection that does not open for so long is given up
  const restlessTick = 1000;            // how often to look while there is no connection, or a press on its way
  const probeSilenceMax = 1000;         // the same after waking up or changing networks, when it probably is
  const knockEvery = 1000;              // without a connection: how soon the server's return is noticed
  const knockEveryHidden = 4000;
  const knockPauseMax = 30000;          // where it answers, and yet takes no connection
  const frozenMin = 3000;               // a tick so late: the page was frozen, or the machine was
  const stampStep = 0.001;              // ms; between two stamps of one moment
  const retryRefusedAfter = 1000;       // a press that the server could not take at the moment
  const retryTooManyAfter = 3000;       // after close code 4429
  const waitingShownAfter = 1000;       // a press that is on its way is not called waiting before
  const pressAgeMax = 7 * 24 * 3600e3;  // CONTRACT.md, section 3: the server takes none that is older
  const pressesMax = 500;               // that may wait
  const pressesPerSecondMax = 10;       // in the long run, each with a ping behind it: what the server allows a connection
  const pressBurstMax = 20;             // at once
  const pressesFew = 5;                 // so many that wait are no long outbox: they are sent in any case
  const clockErrorMax = 1000;           // with a worse measure of the server's clock, it is left to the server
  const clockDriftPerMs = 0.001;        // how fast a measure of the server's clock gets worse
  const sleepMin = 1000;                // wall clock and monotonic clock apart by so much: the device slept, or was set
  const ownTabFirst = 2000;             // a press of another tab is left to that tab for so long
  const redirectMax = 1000;             // signing out leads to the login form by itself; if that fails, the page reloads
  const dropped = 4000;                 // of the page's own making, see drop()
  const loginRequired = 4401;
  const tooMany = 4429;

  const html = document.documentElement;
  const at = id => document.getElementById(id);

  // --- htmx: trusted types, and nothing that evaluates ---------------------------------------------------------------

  const trusted = window.trustedTypes?.createPolicy('htmx', {
    createHTML: fragment => fragment,
    createScript: () => { throw new TypeError('Scripts in fragments are refused.'); },
    createScriptURL: url => {
      if (url === '/ticker.js') return url;
      throw new TypeError('No script but our own is loaded.');
    },
  });
  htmx.registerExtension('timersync', { init(api) { if (trusted) api.initSecurity(trusted); } });

  // --- The server's clock --------------------------------------------------------------------------------------------

  // Server time minus performance.now(), measured by round trips: half of one is the most that it can be wrong by.
  const clock = {
    offset: 0, error: Infinity, measuredAt: 0,
    measure(serverTime, sentAt, receivedAt) {
      const error = (receivedAt - sentAt) / 2;
      if (error > this.error + (receivedAt - this.measuredAt) * clockDriftPerMs) return;
      this.offset = serverTime + error - receivedAt;
      this.error = error;
      this.measuredAt = receivedAt;
    },
    now() { return performance.now() + this.offset; },
  };

  // --- Presses that the server has not confirmed ---------------------------------------------------------------------

  // In memory, and in IndexedDB where the browser has it, so that a press survives a killed browser. Each is
  // { key, id, action, userId, at, wall, mono, origin, sentAt, retryAt, isKept }: `at` by the server's clock when that was
  // known, in whole milliseconds as the server keeps them. The tabs of a browser tell each other, so that all show what was
  // pressed in one, and the others send it if that one is closed too soon. Should two send it, the second changes nothing.
  const outbox = {
    presses: [],
    database: null,
    tabs: new BroadcastChannel('timersync-presses'),

    async open(userId) {
      try {
        const request = indexedDB.open('timersync', 1);
        request.onupgradeneeded = () => request.result.createObjectStore('presses', { keyPath: 'key' });
        this.database = await done(request);
        const early = [...this.presses]; // made before there was a place to keep them
        const stored = await done(this.store('readonly').getAll());
        this.merge(stored.filter(press => press.userId === userId).map(press => ({ ...press, isKept: true })));
        early.filter(press => this.presses.includes(press)).forEach(press => this.keep(press));
      } catch {
        // No IndexedDB (a private window, a full disk): presses live as long as the page.
      }
    },
    merge(presses) {
      const news = presses.filter(press => !this.presses.some(known => known.key === press.key));
      this.presses = [...this.presses, ...news].sort((a, b) => (a.at ?? a.wall) - (b.at ?? b.wall));
    },
    add(press) {
      this.presses.push(press);
      this.tabs.postMessage({ added: press });
      this.keep(press);
    },
    keep(press) {
      const said = () => { press.isKept = true; paint(); };
      try {
        const store = this.store('readwrite');
        if (!store) return said();
        store.put(press);
        store.transaction.oncomplete = store.transaction.onabort = said;
      } catch { said(); /* as above */ }
    },
    remove(pressed) {
      if (!pressed.length) return;
      const keys = pressed.map(press => press.key);
      this.forget(keys);
      this.tabs.postMessage({ removed: keys });
      try {
        const store = this.store('readwrite');
        keys.forEach(key => store?.delete(key));
      } catch { /* it is sent again after a reload, which changes nothing */ }
    },
    forget(keys) { this.presses = this.presses.filter(press => !keys.includes(press.key)); },
    store(mode) { return this.database?.transaction('presses', mode, { durability: 'strict' }).objectStore('presses'); },
  };

  outbox.tabs.onmessage = ({ data: { added, removed = [] } }) => {
    if (added?.userId === pageUserId) {
      outbox.merge([{ ...added, sentAt: null, retryAt: performance.now() + ownTabFirst, isKept: true, isOfAnotherTab: true }]);
    }
    const confirmed = outbox.presses.filter(press => removed.includes(press.key));
    for (const press of confirmed) {
      press.isConfirmed = true; // elsewhere: it is shown until this page has the timer that it led to
      press.sentAt ??= performance.now();
    }
    if (confirmed.length && isOpen()) ping();
    paint();
  };

  function done(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  // When a press was made, by the server's clock. Known at once while that clock is measured; else told from its age.
  function momentOf(press) {
    return press.at ?? clock.now() - ageOf(press);
  }

  function ageOf(press) {
    const byWall = Date.now() - press.wall;
    const byMono = performance.now() - press.mono;
    const samePage = press.origin === performance.timeOrigin;
    // The monotonic clock stands still while a device sleeps; the wall clock may be set back. Neither runs fast.
    return samePage ? Math.max(byMono, byWall) : Math.max(0, byWall);
  }

  // --- The timer: what the server said, and what was pressed since ---------------------------------------------------

  let timer = null;      // the newest snapshot
  let pageUserId = null; // whose page this is

  function readTimer() {
    const data = at('timer').dataset;
    const number = value => value ? Number(value) : null;
    return {
      id: data.id ?? null, userId: data.userId, running: data.status === 'running',
      startedAt: number(data.startedAt), stoppedAt: number(data.stoppedAt),
      version: Number(data.version), epoch: data.epoch, serverTime: Number(data.serverTime),
    };
  }

  // The rule of the contract, for the few presses that wait: the current timer is the run that started last.
  function shownTimer() {
    let shown = timer;
    for (const press of outbox.presses) {
      const moment = momentOf(press);
      if (press.action === 'timer_stop') {
        if (press.id === shown.id && shown.running) {
          shown = { ...shown, running: false, stoppedAt: Math.max(moment, shown.startedAt) };
        }
      } else if (press.id !== shown.id && (shown.startedAt === null || moment >= shown.startedAt)) {
        shown = { ...shown, id: press.id, running: true, startedAt: moment, stoppedAt: null };
      }
    }
    return shown;
  }

  function press() {
    const shown = shownTimer();
    if (outbox.presses.length >= pressesMax) {
      say('Too many presses wait for the connection.');
      return;
    }
    say('');
    // Whoever presses has seen what is shown: the press comes after it, however badly the clocks agree.
    const after = Math.max(shown.startedAt ?? 0, shown.stoppedAt ?? 0) + 1;
    outbox.add({
      key: uuid(), id: shown.running ? shown.id : uuid(), action: shown.running ? 'timer_stop' : 'timer_start',
      userId: pageUserId, at: clock.error < clockErrorMax && !slept() ? Math.floor(Math.max(clock.now(), after)) : null,
      wall: Date.now(), mono: performance.now(), origin: performance.timeOrigin, sentAt: null, retryAt: 0, isKept: false,
    });
    flush();
    paint();
  }

  // crypto.randomUUID is missing where the page does not come over https or from this machine.
  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  // --- Painting ------------------------------------------------------------------------------------------------------

  function paint() {
    if (!timer) return;
    const shown = shownTimer();
    const now = clock.now();
    const elapsed = shown.startedAt === null ? 0 : Math.max(0, (shown.running ? now : shown.stoppedAt) - shown.startedAt);
    const digits = format(elapsed);
    const waiting = outbox.presses.some(one => one.isKept && (!live || ageOf(one) > waitingShownAfter)); // said is promised

    setText(at('elapsed'), digits);
    at('elapsed').classList.toggle('long', digits.length > 8);
    setText(at('toggle'), shown.running ? 'Stop' : 'Start');
    setText(at('status'), (shown.running ? 'Running' : 'Stopped') + (waiting ? ', waiting to be sent' : ''));
    setText(at('connection'), live ? 'Live' : 'Reconnecting');
    html.classList.toggle('running', shown.running);
    html.classList.toggle('live', live);
    html.classList.toggle('waiting', waiting);
    document.title = shown.running ? `${digits} · TimerSync` : 'Stopped · TimerSync';
    const isCalm = live && pingAt === null && !outbox.presses.length;
    wake(shown.running ? 1000 - elapsed % 1000 : isCalm ? heartbeatEvery : restlessTick);
  }

  // Only what differs: a text that is set again is read out again, and loses its selection.
  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function say(message) { setText(at('error'), message); }

  function format(milliseconds) {
    const seconds = Math.floor(milliseconds / 1000);
    return [seconds / 3600, seconds / 60 % 60, seconds % 60].map(part => String(Math.floor(part)).padStart(2, '0')).join(':');
  }

  // --- Ticking -------------------------------------------------------------------------------------------------------

  let ticker = null;
  let tickDueAt = Infinity;

  function wake(delay) {
    tickDueAt = performance.now() + delay;
    ticker.postMessage(Math.ceil(delay) + 1); // a timer may fire a little early
  }

  function tick() {
    if (slept()) {
      clock.error = Infinity;
      noticeTime();
      wakeUp();
    } else if (performance.now() - tickDueAt > frozenMin) {
      wakeUp();
    }
    beat();
    knock();
    flush();
    paint();
  }

  let wallAhead = Date.now() - performance.now();
  function noticeTime() { wallAhead = Date.now() - performance.now(); }
  function slept() { return Math.abs(Date.now() - performance.now() - wallAhead) > sleepMin; }

  // --- The connection ------------------------------------------------------------------------------------------------

  let connection = null;   // htmx's, with its socket
  let live = false;        // open, and the server has answered
  let heardAt = 0;         // when it last answered a ping
  let pingAt = null;       // the oldest ping without an answer
  let silence = silenceMax;
  let roundTrip = 0;       // of the last ping
  let signingOut = false;

  const isOpen = () => connection?.socket?.readyState === WebSocket.OPEN;

  function beat() {
    const now = performance.now();
    giveUpConnecting(now);
    if (!isOpen()) return;
    if (pingAt !== null && now - pingAt > silence) {
      drop();
    } else if (pingAt === null && now - heardAt > (document.hidden ? heartbeatEveryHidden : heartbeatEvery) - restlessTick) {
      // The next look may be a restlessTick away.
      ping();
    }
  }

  // A request that a network has swallowed is never answered, and the browser would wait for minutes.
  let connecting = null;
  let connectingSince = 0;
  function giveUpConnecting(now) {
    const { socket } = connection ?? {};
    if (socket?.readyState !== WebSocket.CONNECTING) return;
    if (socket !== connecting) {
      connecting = socket;
      connectingSince = now;
    } else if (now - connectingSince > connectMax) {
      socket.close(); // its close event follows at once: there is nobody to agree with
    }
  }

  // What a pong confirms is told by these: a press has a later one than every ping before it, however coarse the clock is.
  let stamped = 0;
  function stamp() {
    stamped = Math.max(performance.now(), stamped + stampStep);
    return stamped;
  }

  function ping() {
    pingAt ??= performance.now();
    send({ action: 'ping', sent_at: stamp() });
    setTimeout(tick, silence + 50); // sharp, while the page is seen: the looks of a second would make it one later
  }

  // Is it still there? After waking up, changing networks, or coming back to the page.
  function probe() {
    if (isOpen()) {
      if (performance.now() - heardAt > heartbeatEvery + silenceMax) setLive(false); // until it answers
      silence = Math.min(silenceMax, Math.max(probeSilenceMax, 3 * roundTrip));
      ping();
    } else if (connection?.socket) {
      drop(); // no waiting, for the next attempt or for one that began on the old network
    }
  }

  // A dead network does not close a socket, and closing one takes a handshake that will not come: tell htmx that it is
  // closed, which makes it connect anew at once.
  function drop() {
    if (connection.abortController.signal.aborted) return; // dropped already, and the next one is on its way
    clearTimeout(connection.timer);
    connection.attempt = 0;
    droppedAt = performance.now();
    connection.socket.dispatchEvent(new CloseEvent('close', { code: dropped }));
    connection.abortController.abort(); // should it come back to life before the next one is there: not a word more from it
  }

  // The silence of who could not listen is not the server's.
  function wakeUp() {
    pingAt = null;
    probe();
  }

  // Is the server back? A browser makes a page that often fails to open a socket wait for seconds before each next attempt,
  // so that attempts are few, and a plain request looks out for the server. An upgrade that is refused for the token looks
  // like a lost network: the answer tells that too.
  let knockAt = 2 * knockEvery; // the page's own first attempt comes before
  let knockPause = knockEvery;
  let droppedAt = 0;
  async function knock() {
    const now = performance.now();
    if (isOpen() || now < knockAt) return;
    knockAt = now + (document.hidden ? knockEveryHidden : knockEvery) - 100;
    try {
      const answer = await fetch('/timers', { cache: 'no-store', signal: AbortSignal.timeout(silenceMax) });
      if (answer.status === 401) location.reload();
      if (!answer.ok || !connection?.socket || isOpen() || droppedAt > now) return;
      knockAt = performance.now() + knockPause;
      knockPause = Math.min(2 * knockPause, knockPauseMax);
      drop();
    } catch { /* no network: go on trying */ }
  }

  function setLive(value) {
    live = value;
    paint();
  }

  // Outgoing messages go through htmx's sender element, which takes one event per message.
  const outgoing = [];
  function send(message) {
    outgoing.push(JSON.stringify(message));
    htmx.trigger(at('sender'), 'timersync:send');
  }

  let allowed = pressBurstMax; // presses that may be sent now: a token bucket, within that of the server
  let allowedAt = performance.now();

  // Sends what waits, and a ping behind it: messages of a connection are answered in order, so its pong confirms them all.
  function flush() {
    const now = performance.now();
    if (!live || !isOpen()) return;
    allowed = Math.min(pressBurstMax, allowed + (now - allowedAt) * pressesPerSecondMax / 1000);
    allowedAt = now;
    const unsent = outbox.presses.filter(one => one.sentAt === null && !one.isConfirmed && one.retryAt <= now);
    const ready = unsent.length > pressesFew ? unsent.slice(0, Math.floor(allowed)) : unsent;
    allowed = Math.max(0, allowed - ready.length);
    const sentAt = stamp();
    for (const one of ready) {
      if (clock.now() - momentOf(one) > pressAgeMax) {
        outbox.remove([one]);
        say('A press that waited for more than a week was too old to be sent.');
        continue;
      }
      one.sentAt = sentAt;
      const moment = clock.error < clockErrorMax || ageOf(one) > waitingShownAfter
        ? new Date(momentOf(one)).toISOString() : undefined;
      send({
        action: one.action, id: one.id, user_id: one.userId,
        [one.action === 'timer_start' ? 'started_at' : 'stopped_at']: moment,
      });
    }
    if (ready.length) ping();
  }

  function onTimer() {
    const received = readTimer();
    if (received.userId !== pageUserId) {
      location.reload(); // somebody else has signed in, in another tab
      return;
    }
    if (!timer || received.epoch !== timer.epoch || received.version >= timer.version) timer = received;
  }

  function onPong(pong, receivedAt) {
    const { sentAt, serverTime } = pong.dataset;
    if (!sentAt) return;
    delete pong.dataset.sentAt; // handled
    clock.measure(Number(serverTime), Number(sentAt), receivedAt);
    roundTrip = receivedAt - Number(sentAt);
    noticeTime();
    if (!live) becomeLive();
    const confirmed = outbox.presses.filter(one => one.sentAt !== null && one.sentAt <= Number(sentAt));
    if (confirmed.length) {
      outbox.remove(confirmed);
      if (at('error').dataset.retried) say('');
    }
    flush();
  }

  function becomeLive() {
    live = true;
    knockPause = knockEvery;
    outbox.forget(outbox.presses.filter(one => one.isConfirmed).map(one => one.key));
    const retryAt = performance.now() + ownTabFirst;
    outbox.presses.filter(one => one.isOfAnotherTab).forEach(one => { one.retryAt = retryAt; });
  }

  function onError(error) {
    const { code, id, action } = error.dataset;
    if (!code) return;
    delete error.dataset.code; // handled
    const refused = outbox.presses.filter(one => one.id === id && one.action === action && one.sentAt !== null);
    // A stop whose start is still to be sent again came too early, and goes after it.
    const tooEarly = code === 'unknown_timer' && outbox.presses.some(one => one.id === id && one.action === 'timer_start');
    if (code === 'rate_limited' || code === 'unavailable' || tooEarly) {
      for (const one of refused) {
        one.sentAt = null;
        one.retryAt = performance.now() + retryRefusedAfter;
      }
      error.dataset.retried = 'true';
      say(code === 'unavailable' && refused.length ? 'The server cannot store the press now. Trying again.' : '');
    } else {
      outbox.remove(refused);
    }
  }

  // --- Wiring --------------------------------------------------------------------------------------------------------

  let receivedAt = 0;

  document.addEventListener('htmx:ws:before:connection', event => { connection = event.detail.connection; });

  document.addEventListener('htmx:ws:after:connection', () => {
    pingAt = null;
    ping();
  });

  document.addEventListener('htmx:ws:close', event => {
    const { code, connection: closed } = event.detail;
    live = false;
    pingAt = null;
    outbox.presses.forEach(one => { one.sentAt = null; });
    if (code === loginRequired) {
      setTimeout(() => location.reload(), signingOut ? redirectMax : 0);
      return;
    }
    closed.config.reconnectDelay = code === tooMany ? retryTooManyAfter : code === dropped ? 0 : 250;
    if (code === tooMany) knockAt = performance.now() + retryTooManyAfter;
    paint();
  });

  document.addEventListener('htmx:ws:before:message:outgoing', event => {
    event.detail.message.data = outgoing.shift();
    if (!isOpen()) event.detail.cancelled = true; // what matters is in the outbox
  });

  document.addEventListener('htmx:ws:before:message:incoming', () => {
    receivedAt = performance.now();
    heardAt = receivedAt; // whatever it says, the server lives
    pingAt = null;
    silence = silenceMax;
  });

  document.addEventListener('htmx:ws:after:message:incoming', () => {
    onTimer();
    onError(at('error'));
    onPong(at('pong'), receivedAt);
    paint();
  });

  document.addEventListener('click', event => {
    // The second click of a double click is a slip of the hand, not a second press.
    if (event.target.closest?.('#toggle') && event.detail < 2) press();
    if (event.target.closest?.('#sign-out')) signingOut = true;
  });
  document.addEventListener('keydown', event => {
    if (event.repeat && event.target.closest?.('#toggle')) event.preventDefault(); // a key held down is one press
  });

  document.addEventListener('htmx:error', event => {
    const login = at('login-error');
    const message = "Can't reach the server. Check the connection and try again.";
    if (login) setText(login, message); else if (event.detail.ctx?.request) say(message);
  });

  for (const name of ['online', 'offline', 'focus']) addEventListener(name, probe);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) probe(); });
  document.addEventListener('resume', wakeUp); // after the browser froze the page
  navigator.connection?.addEventListener('change', probe);
  addEventListener('pageshow', event => { if (event.persisted) location.reload(); });

  document.addEventListener('DOMContentLoaded', () => {
    if (!at('timer')) return;
    timer = readTimer();
    pageUserId = timer.userId;
    const [page] = performance.getEntriesByType('navigation');
    clock.measure(timer.serverTime, page?.requestStart ?? 0, page?.responseStart || performance.now());
    ticker = new Worker(trusted ? trusted.createScriptURL('/ticker.js') : '/ticker.js');
    ticker.onmessage = tick;
    paint();
    outbox.open(pageUserId).then(() => { flush(); paint(); });
  });
})();
