#!/bin/sh
# Posts each alert to a web hook: the event as sstat writes it, one JSON object.
# For a service that wants a form of its own, put jq before curl, as in
#   jq "{text: \"\(.session): \(.event): \(.state.message)\"}" | curl …
: "${WEBHOOK_URL:?set it to the address to post to}"
export WEBHOOK_URL
exec sstat watch --on error,very_stale,dead \
    --exec 'curl --fail --silent --show-error --max-time 10 --retry 3 --header "Content-Type: application/json" --data-binary @- "$WEBHOOK_URL"' \
    "$@"
