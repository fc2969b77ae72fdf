#!/bin/sh
# Shows a desktop notification when a session fails, waits for input, becomes
# very stale or dies. Each condition notifies once, and again only after it has
# ended. The command receives session data in environment variables only.
exec sstat watch --on error,blocked,very_stale,dead \
    --exec 'notify-send --app-name=sstat -- "$SSTAT_SESSION: $SSTAT_EVENT" "$SSTAT_MESSAGE"' \
    "$@"
