#!/usr/bin/env bash
# Plants each bug of this folder in a copy of the tree, one at a time, and looks who finds it: the simulation, first a little
# of it, then more; or else tests over the real server. Prints a table; fails when one survives, does not build or no longer
# applies, and says which.
#   run.sh [patch…]
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
patches=("$@")
[[ ${#patches[@]} -gt 0 ]] || patches=("$here"/*.patch)
patches=($(realpath -- "${patches[@]}"))

copy="$(mktemp -d)"
log="$(mktemp)"
trap 'rm -rf "$copy" "$log"' EXIT
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -c --ignore-failed-read) | tar -x -C "$copy"
[[ ! -d "$root/node_modules" ]] || ln -s "$root/node_modules" "$copy/node_modules"
cd "$copy" || exit 1

# First of all, before anything is built: which patches have to be refreshed.
outdated=()
for patch in "${patches[@]}"; do
  patch -p1 --forward --fuzz=0 --dry-run <"$patch" >"$log" 2>&1 && continue
  outdated+=("$(basename "$patch" .patch)")
  printf '%s no longer applies:\n' "${outdated[-1]}" >&2
  sed 's/^/  /' "$log" >&2
done

simulation=tests/TimerSync.Simulation/bin/Release/net10.0
tests=tests/TimerSync.Tests/bin/Release/net10.0
server=obj/Release/net10.0/TimerSync.dll
options=(-p:Configuration=Release -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:WarningLevel=0 -p:GenerateDocumentationFile=false)
dotnet restore TimerSync.sln --locked-mode -v quiet && dotnet build tests/TimerSync.Tests --no-restore -v quiet "${options[@]}" >"$log" || { cat "$log"; exit 1; }

# The server alone is compiled anew, with the compiler's own command line: a build per bug takes several times as long. What
# does not generate code is left out.
dotnet msbuild TimerSync.csproj -nologo '-t:PrepareResources;Compile' "${options[@]}" -p:BuildProjectReferences=false \
  -p:SkipCompilerExecution=true -p:ProvideCommandLineArgs=true -p:NonExistentFile=1 -getItem:CscCommandLineArgs |
  node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).Items.CscCommandLineArgs.map(one => one.Identity).join("\n"))' |
  grep -vE '^/(noconfig|refout:|analyzer:.*(Meziantou|Roslynator|CodeStyle|NetAnalyzers|EntityFrameworkCore|AspNetCore(\.App|\.Mvc|\.Components)?\.(Analyzers|CodeFixes)))' >server.rsp
compiler="$(dotnet msbuild TimerSync.csproj -getProperty:RoslynTargetsPath)/bincore/csc"
compile() { rm -f "$server" && "$compiler" -nologo -noconfig @server.rsp >"$log" 2>&1 && cp "$server" "$simulation/" && cp "$server" "$tests/" && cp "$server" bin/Release/net10.0/; }

compile || { cat "$log"; exit 1; }
if ! dotnet "$simulation/TimerSync.Simulation.dll" --seeds 300 >"$log"; then
  cat "$log"
  echo "The simulation fails without any planted bug."
  exit 1
fi

plant() {
  patch -p1 --forward --fuzz=0 --silent --no-backup-if-mismatch <"$1" >"$log" 2>&1 || { echo 'DOES NOT APPLY'; return; }
  if compile; then
    simulate --seeds 300 || simulate --seeds 100 --store sqlite || simulate --seeds 3000 --from 300 || try_tests || echo 'SURVIVES'
  else
    echo 'DOES NOT BUILD'
  fi
  patch -p1 --reverse --silent --no-backup-if-mismatch <"$1"
}

# One that is not done in time has found nothing: the machine may be busy.
fails() {
  timeout 300 dotnet "$@" >"$log" 2>&1
  local status=$?
  [[ $status -ne 0 && $status -ne 124 ]]
}

simulate() {
  fails "$simulation/TimerSync.Simulation.dll" "$@" || return 1
  grep -m1 -oE '^seed [0-9]+, step [0-9]+' "$log" | sed 's/^/simulation, /' || echo 'simulation, by its end'
}

try_tests() {
  fails "$tests/TimerSync.Tests.dll" -stopOnFail -namespace 'TimerSync.Tests.Infrastructure.Database*' -namespace 'TimerSync.Tests.Nemesis*' \
    -namespace 'TimerSync.Tests.Logout*' -namespace 'TimerSync.Tests.Simulation*' || return 1
  grep -m1 -oE '[A-Za-z.]+Tests\.[A-Za-z0-9_]+' <(grep -F '[FAIL]' "$log") | sed 's/^TimerSync\.Tests\.//' || echo 'tests, by their end'
}

found=0
printf '| planted bug | what it does | found by | seconds |\n| --- | --- | --- | --- |\n'
for patch in "${patches[@]}"; do
  began=$(date +%s)
  by="$(plant "$patch")"
  [[ "$by" =~ ^(DOES NOT|SURVIVES) ]] || found=$((found + 1))
  printf '| %s | %s | %s | %d |\n' "$(basename "$patch" .patch)" "$(head -n1 "$patch")" "$by" $(($(date +%s) - began))
done
printf '\n%d of %d found\n' "$found" "${#patches[@]}"
[[ ${#outdated[@]} -eq 0 ]] || printf 'to be refreshed: %s\n' "${outdated[*]}"
[[ $found -eq ${#patches[@]} ]]
