#!/bin/sh
# Posts each alert to a webhook as one JSON object. If the service expects
# another format, convert it with jq before curl, for example
#   jq "{text: \"\(.session): \(.event): \(.state.message)\"}" | curl …
: "${WEBHOOK_URL:?set WEBHOOK_URL to the URL of the webhook}"
export WEBHOOK_URL
exec sstat watch --on error,very_stale,dead \
    --exec 'curl --fail --silent --show-error --max-time 10 --retry 3 --header "Content-Type: application/json" --data-binary @- "$WEBHOOK_URL"' \
    "$@"
