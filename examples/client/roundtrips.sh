#!/usr/bin/env bash
# Makes a full round trip with each of the usual clients, by each protocol:
#
#   concentric up &
#   examples/client/roundtrips.sh 127.0.0.1:8080
#
# It prints a line for each, and skips clients that are not installed. `make clients`
# installs grpcurl and buf into .tools.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/.tools:$PATH
addr=${1:-127.0.0.1:8080}
brand=brands/acme
ticket() { printf '{"parent": "%s", "requestId": "%s", "ticket": {"customer": "%s/customers/ann", "subject": "%s", "channel": "CHANNEL_WEB"}}' "$brand" "$(cat /proc/sys/kernel/random/uuid)" "$brand" "$1"; }
name() { grep -o '"name": *"[^"]*"' | head -n 1 | cut -d '"' -f 4; }
has() { command -v "$1" > /dev/null || { echo "skipped: no $1"; return 1; }; }
# same PROTOCOL NAME ANSWER: the ticket that was made is the one that was read.
same() { [[ -n $2 && $3 == *"$2"* ]] || { echo "$1: made '$2', read: $3" >&2; exit 1; }; echo "$1: $2"; }

if has curl; then
  made=$(curl -sSf "http://$addr/v1/$brand/tickets" -H 'Content-Type: application/json' -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" \
    -d "{\"customer\": \"$brand/customers/ann\", \"subject\": \"by REST\", \"channel\": \"CHANNEL_WEB\"}" | name)
  same 'curl, REST' "$made" "$(curl -sSf "http://$addr/v1/$made")"

  made=$(ticket 'by Connect' | curl -sSf "http://$addr/concentric.ticket.v1.TicketService/CreateTicket" -H 'Content-Type: application/json' -d @- | name)
  same 'curl, Connect' "$made" "$(curl -sSf "http://$addr/concentric.ticket.v1.TicketService/GetTicket" -H 'Content-Type: application/json' -d "{\"name\": \"$made\"}")"

  for accept in application/json text/event-stream; do # a watch has no end: we leave after a second
    same "curl, watch as $accept" SNAPSHOT_COMPLETE "$(curl -sS --max-time 1 -H "Accept: $accept" "http://$addr/v1/$brand/tickets:watch" 2> /dev/null || true)"
  done
  same 'curl, OpenAPI' '"openapi": "3.1.1"' "$(curl -sSf -r 0-99 "http://$addr/openapi.json")"
  code=$(curl -sS -o /dev/null -w '%{http_code} %{content_type}' "http://$addr/v1/$brand/tickets/none")
  same 'curl, problem' '404 application/problem+json' "$code"
fi

if has grpcurl; then
  made=$(grpcurl -plaintext -d "$(ticket 'by grpcurl')" "$addr" concentric.ticket.v1.TicketService/CreateTicket | name)
  same 'grpcurl' "$made" "$(grpcurl -plaintext -d "{\"name\": \"$made\"}" "$addr" concentric.ticket.v1.TicketService/GetTicket)"
fi

if has buf; then
  for protocol in grpc grpcweb connect; do
    prior=''
    if [[ $protocol == grpc ]]; then prior=--http2-prior-knowledge; fi
    call() { buf curl --schema . --protocol "$protocol" $prior -d "$2" "http://$addr/concentric.ticket.v1.TicketService/$1"; }
    made=$(call CreateTicket "$(ticket "by buf curl, $protocol")" | name)
    same "buf curl, $protocol" "$made" "$(call GetTicket "{\"name\": \"$made\"}")"
  done
fi

if has go; then
  echo "Go client: $(GOWORK=off go -C examples/client run . "$addr" "$brand")"
fi

if has node && [[ -d gen/ts/node_modules ]]; then
  node gen/ts/example/node.js "http://$addr" "$brand" | sed 's/^/TypeScript client, /'
else
  echo 'skipped: no TypeScript client (npm ci --prefix gen/ts --ignore-scripts)'
fi
