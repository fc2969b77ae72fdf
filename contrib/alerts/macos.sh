#!/bin/sh
# Shows a notification on macOS when a session fails, waits for input, becomes very
# stale or dies. The texts are arguments of the AppleScript, not part of it.
exec sstat watch --on error,blocked,very_stale,dead \
    --exec 'osascript -e "on run argv" -e "display notification (item 2 of argv) with title (item 1 of argv)" -e "end run" -- "$SSTAT_SESSION: $SSTAT_EVENT" "$SSTAT_MESSAGE"' \
    "$@"
