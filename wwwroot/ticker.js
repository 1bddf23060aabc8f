'use strict';
// A clock tick from a worker: browsers slow the timers of hidden pages down to one a minute, and the tab's title shows the
// clock. A message is a delay in milliseconds; it takes the place of the one before.
let timer;
addEventListener('message', event => {
  clearTimeout(timer);
  timer = setTimeout(() => postMessage(null), event.data);
});
