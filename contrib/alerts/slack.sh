#!/bin/sh
# Posts each alert to a Slack channel through an incoming webhook. Needs curl and jq.
# &, < and > are escaped, so that a message cannot mention <!channel>.
: "${SLACK_WEBHOOK_URL:?set SLACK_WEBHOOK_URL to the URL of the incoming webhook}"
SLACK_BODY='"\(.session): \(env.SSTAT_EVENT): \(.state.message)"
    | gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;") | {text: .}'
export SLACK_WEBHOOK_URL SLACK_BODY
exec sstat watch --on error,blocked,very_stale,dead \
    --exec 'jq --compact-output "$SLACK_BODY" | curl --fail --silent --show-error --max-time 10 --retry 3 --header "Content-Type: application/json" --data-binary @- "$SLACK_WEBHOOK_URL"' \
    "$@"
