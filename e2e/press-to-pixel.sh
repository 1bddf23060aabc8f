#!/usr/bin/env bash
# Measures the time from a press in one window to the pixel in the other, a browser and the desktop shell, 100 presses.
# Builds in Release, as the server runs for people.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
dotnet build e2e/TimerSync.EndToEnd.csproj --configuration Release --nologo --verbosity quiet
e2e/bin/Release/net10.0/TimerSync.EndToEnd -explicit only -class TimerSync.EndToEnd.PressToPixel -showLiveOutput -noLogo -noColor |
  sed "s/^.*\[OUTPUT\] //"
