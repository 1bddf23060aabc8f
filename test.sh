#!/usr/bin/env bash
# Installs what the tests need and is missing, then checks and tests everything. Needs the .NET SDK 10, Node 20 or newer,
# and, where Chromium, the virtual display or PostgreSQL is missing, apt. Ends in the line "N passed, N failed, N skipped".
#   test.sh          at most 12 minutes on two cores
#   test.sh --full   and then the full forms of what it has in short: more than an hour
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

full=false
case "${1:-}" in
  '') ;;
  --full) full=true ;;
  *) echo "usage: $0 [--full]" >&2; exit 2 ;;
esac

passed=0 failed=0 skipped=0
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

step() { printf '\n== %s (after %d s)\n' "$1" "$SECONDS"; }

# A step without test counts of its own counts as one failure when it fails.
require() {
  step "$1"
  shift
  if ! "$@"; then
    failed=$((failed + 1))
    finish
  fi
}

finish() {
  step 'End'
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [[ $failed -eq 0 ]]
  exit
}

install_missing() {
  local missing=()
  [[ -x "${TIMERSYNC_CHROMIUM:-/usr/bin/chromium}" ]] || missing+=(chromium)
  [[ -x "${TIMERSYNC_CHROMIUM_SHELL:-/usr/bin/chromium-headless-shell}" ]] || missing+=(chromium-headless-shell)
  command -v xvfb-run >/dev/null || missing+=(xvfb)
  command -v xauth >/dev/null || missing+=(xauth)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  [[ ${#missing[@]} -eq 0 ]] && return
  local root=()
  [[ $EUID -eq 0 ]] || root=(sudo)
  "${root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
}

# What the tests start: the server as it is deployed, compiled ahead of time, which halves the time of each of its many starts.
publish() {
  local runtime
  runtime="$(dotnet --info | sed -nE 's/^ *RID: +(\S+)$/\1/p')"
  dotnet publish TimerSync.csproj -c Release -r "$runtime" --self-contained false -p:NuGetLockFilePath=artifacts/packages.lock.json \
    -p:RunAnalyzers=false -o artifacts/server -v quiet
}

install_shell() {
  npm ci --prefix electron-shell --no-audit --no-fund --loglevel=error && e2e/electron-runtime/prepare.sh
}

test_shell() {
  (cd electron-shell && npm test) 2>&1 | tee "$log" | grep -vE '^(ok|# Subtest|  ---|  duration_ms|  type|  \.\.\.)'
  local status=${PIPESTATUS[0]}
  count "$(sum '^(#|ℹ) pass ([0-9]+)')" "$(sum '^(#|ℹ) fail ([0-9]+)')" "$(sum '^(#|ℹ) skipped ([0-9]+)')" "$status"
}

# What goes over the wire: the slices, and what they share.
contract='FullyQualifiedName~.SyncSocket.'
for folder in Login Logout GetTimer PostTimer Home Infrastructure; do
  contract+="|FullyQualifiedName~.$folder."
done
contract="($contract)&FullyQualifiedName!~.Sqlite"
for other in ConfigurationTests KnownProxiesTests EpochTests CrashedStartTests; do # start-up; SQLite's own
  contract+="&FullyQualifiedName!~$other"
done

test_dotnet() {
  step "$1"
  dotnet test "$2" -c Release --no-build --logger 'console;verbosity=normal' "${@:3}" 2>&1 | tee "$log" | grep -vE '^ *Passed |^\[xUnit[^]]*\]   [DSF][a-z]+:'
  local status=${PIPESTATUS[0]}
  count "$(sum '^ +(Passed): +([0-9]+)$')" "$(sum '^ +(Failed): +([0-9]+)$')" "$(sum '^ +(Skipped): +([0-9]+)$')" "$status"
}

# A program that looks for faults by itself: one test.
full_form() {
  step "$1"
  local began=$SECONDS
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: ${*:2}"
  fi
  echo "$((SECONDS - began)) s"
}

# What each of them shows, and its last figures: docs/GUARANTEES.md.
run_full_forms() {
  local built=bin/Release/net10.0
  full_form 'Simulation: 10,000 seeds' dotnet "tests/TimerSync.Simulation/$built/TimerSync.Simulation.dll" --seeds 10000
  full_form 'Simulation: 1,000 seeds on SQLite' dotnet "tests/TimerSync.Simulation/$built/TimerSync.Simulation.dll" --seeds 1000 --store sqlite
  full_form 'Three devices: 100,000 interleavings' dotnet "tests/TimerSync.Simulation/$built/TimerSync.Simulation.dll" devices --count 100000
  full_form 'Nemesis: 200 histories of 1,000 operations, 100 kill -9' \
    dotnet "tests/TimerSync.Nemesis/$built/TimerSync.Nemesis.dll" --histories 200 --operations 1000 --kills 100
  full_form 'Nemesis: two nodes on PostgreSQL, 50 kill -9, 20 restarts of it, 50 silent cuts, 20 stops of 10 s' \
    dotnet "tests/TimerSync.Nemesis/$built/TimerSync.Nemesis.dll" postgres
  TIMERSYNC_TEST_PROVIDER=Postgres test_dotnet 'Hostile peers on PostgreSQL' tests/TimerSync.Tests --filter 'FullyQualifiedName~.Hostile.'
  TIMERSYNC_REMOTE_CHANGES=1000 test_dotnet 'A thousand changes under the hands' e2e --filter 'FullyQualifiedName~UnderTheHandsTests'
  TIMERSYNC_TEST_SERVER='' full_form 'Planted bugs' tests/TimerSync.Simulation/mutations/run.sh
}

# Adds up the second group of every match in the log.
sum() { sed -nE "s/$1.*/\2/p" "$log" | awk '{ total += $1 } END { print total + 0 }'; }

# A runner that fails without a failed test, or that runs none, is a failure too.
count() {
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
  if [[ ($4 -ne 0 && $2 -eq 0) || $1 -eq 0 ]]; then
    failed=$((failed + 1))
  fi
}

require 'Install what is missing' install_missing
require 'Restore' dotnet restore TimerSync.sln --locked-mode -v quiet
require 'Format' dotnet format whitespace TimerSync.sln --no-restore --verify-no-changes # the rest of it is checked by the build
require 'Build' dotnet build TimerSync.sln -c Release --no-restore -v quiet
require 'Publish' publish
export TIMERSYNC_TEST_SERVER="$PWD/artifacts/server/TimerSync.dll"
require 'Desktop shell: install' install_shell
require 'Desktop shell: types' npm run --silent --prefix electron-shell check
step 'Desktop shell: tests'
test_shell
test_dotnet 'Server tests' tests/TimerSync.Tests
TIMERSYNC_TEST_PROVIDER=Postgres test_dotnet 'The same contract on PostgreSQL' tests/TimerSync.Tests --filter "$contract"
test_dotnet 'End-to-end tests' e2e
$full && run_full_forms
finish
