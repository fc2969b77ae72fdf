#!/bin/sh
# Sends each alert to a topic of ntfy, to be read on a phone. Needs curl and jq, which
# makes the JSON: in a header or after curl's --data, a hostile text could do more.
: "${NTFY_TOPIC:?set NTFY_TOPIC to the name of the topic}"
NTFY_URL=${NTFY_URL:-https://ntfy.sh}
NTFY_BODY='{topic: env.NTFY_TOPIC, title: "\(.session): \(env.SSTAT_EVENT)", message: .state.message}'
export NTFY_TOPIC NTFY_URL NTFY_BODY
exec sstat watch --on error,blocked,very_stale,dead \
    --exec 'jq --compact-output "$NTFY_BODY" | curl --fail --silent --show-error --max-time 10 --retry 3 --data-binary @- "$NTFY_URL"' \
    "$@"
