#!/usr/bin/env bash
# Plants each bug of this folder in a copy of the tree, one at a time, and looks who finds it: the simulation, or else the
# tests of its short form. Prints a table; fails when one survives, does not build or no longer applies.
#   run.sh [--seeds N] [patch…]
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
seeds=3000
if [[ "${1:-}" == --seeds ]]; then
  seeds=$2
  shift 2
fi
patches=("$@")
[[ ${#patches[@]} -gt 0 ]] || patches=("$here"/*.patch)

copy="$(mktemp -d)"
log="$(mktemp)"
trap 'rm -rf "$copy" "$log"' EXIT
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -c --ignore-failed-read) | tar -x -C "$copy"
[[ ! -d "$root/node_modules" ]] || ln -s "$root/node_modules" "$copy/node_modules"
cd "$copy" || exit 1

simulation=tests/TimerSync.Simulation/bin/Release/net10.0
tests=tests/TimerSync.Tests/bin/Release/net10.0
build() { dotnet build "$1" -c Release --no-restore -v quiet -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:WarningLevel=0 "${@:2}"; }

dotnet restore TimerSync.sln --locked-mode -v quiet && build tests/TimerSync.Tests >"$log" || { cat "$log"; exit 1; }
if ! dotnet "$simulation/TimerSync.Simulation.dll" --seeds 100 >"$log"; then
  cat "$log"
  echo "The simulation fails without any planted bug."
  exit 1
fi

# The server alone is built anew: nothing but the bodies of its methods and its SQL differs.
plant() {
  patch -p1 --forward --fuzz=0 --silent --dry-run <"$1" >"$log" 2>&1 || { echo 'DOES NOT APPLY'; return; }
  patch -p1 --forward --silent <"$1"
  if ! build TimerSync.csproj >"$log" 2>&1; then
    echo 'DOES NOT BUILD'
  else
    cp bin/Release/net10.0/TimerSync.dll "$simulation/"
    find_it
  fi
  patch -p1 --reverse --silent <"$1"
}

find_it() {
  if ! timeout 300 dotnet "$simulation/TimerSync.Simulation.dll" --seeds "$seeds" >"$log" 2>&1; then
    grep -m1 -oE '^seed [0-9]+, step [0-9]+' "$log" | sed 's/^/simulation, /' || echo 'simulation, by its end'
    return
  fi
  cp bin/Release/net10.0/TimerSync.dll "$tests/"
  if ! timeout 300 dotnet "$tests/TimerSync.Tests.dll" -namespace 'TimerSync.Tests.Simulation*' >"$log" 2>&1; then
    grep -m1 -oE 'Simulation\.\S+ \[FAIL\]' "$log" | sed 's/^Simulation\.//; s/ \[FAIL\]//'
    return
  fi
  echo 'SURVIVES'
}

found=0
printf '| planted bug | what it does | found by | seconds |\n| --- | --- | --- | --- |\n'
for patch in "${patches[@]}"; do
  began=$(date +%s)
  by="$(plant "$patch")"
  [[ "$by" =~ ^[A-Z] ]] && [[ ! "$by" =~ Tests\. ]] || found=$((found + 1))
  printf '| %s | %s | %s | %d |\n' "$(basename "$patch" .patch)" "$(head -n1 "$patch")" "$by" $(($(date +%s) - began))
done
printf '\n%d of %d found\n' "$found" "${#patches[@]}"
[[ $found -eq ${#patches[@]} ]]
