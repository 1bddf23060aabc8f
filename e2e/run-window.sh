#!/usr/bin/env bash
# Runs a program on a display of its own, and ends all of its processes when stdin closes: that happens when a test is done
# with it, and also when the test process itself was killed. To be started as a session of its own (setsid).
# The first line of stderr names the display, for xprop, and the program's process.
set -uo pipefail

xvfb-run -a -s "-screen 0 1280x900x24" sh -c 'echo "display $DISPLAY $XAUTHORITY $$" >&2; exec "$@"' sh "$@" </dev/null &
runner=$!
trap '' TERM

read -r _

# Whoever closed its window by hand has it end by itself, which also leaves nothing in the temporary folder.
for _ in {1..40}; do
  kill -0 "$runner" 2>/dev/null || break
  sleep 0.1
done
kill -TERM 0
sleep 0.2
kill -KILL 0
