#!/bin/sh
# Desktop notifications: once when a session fails, waits for somebody, has been
# silent for long or died; again only after that ended. The session's words
# reach the command in variables only, never as a part of it.
exec sstat watch --on error,blocked,very_stale,dead \
    --exec 'notify-send --app-name=sstat -- "$SSTAT_SESSION: $SSTAT_EVENT" "$SSTAT_MESSAGE"' \
    "$@"
