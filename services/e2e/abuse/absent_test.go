package abuse

import (
	"strings"
)

// An absence says why rows do not apply to what the suite does today.
type absence struct{ ids, why string }

// absent lists the rows that no test here is about. A row leaves it when the
// thing it is about arrives.
func absent() []absence {
	return []absence{
		{"G69", "no view has a field mask"},
		{"A52 A53", "services/internal/rpc/stream_test.go and watch_test.go hold the server to it"},
		{"P66", "services/e2e kills the suite in the middle of a stream"},
		{"T19", "every stage may be a ticket's"},
		{"P61", "services/internal/rpc/admit_test.go and internal/quota hold quotas to it"},
		{"K48", "services/internal/rpc/guess_test.go counts them; by the address that a trusted proxy says"},
		{"S62", "the command line writes the CSV, and services/cmd/concentric tests it"},
		{"K34", "no method is about words alone; they are withheld, see S65"},
		{"P23", "what is older than a brand keeps is forgotten within the hour, however it came"},
		{"P58 P63", "scores are read fresh, and the load generator measures backfills"},
		{"G24", "takes the 30 s of the server's read timeout"},
		{"G28 G61-G62", "net/http and grpc-go defend the transport; services/internal/front tests silent connections"},
		{"G48", "no answer has a link"},
		{"G60", "the status reaches nobody; see A13 for what is left behind"},
		{"G63 G64 K49 K50 K52", "services/internal/certs, services/internal/front and services/e2e/tls_test.go test TLS"},
		{"K51 K53", "a peer is whom an authority knows, and acts for its caller only"},
		{"W13-W18 W22-W30", "services/gateway/internal/webhook sends to receivers and names that do such things"},
		{"W21", "the addresses of this machine are refused, see url.go; which of them is the gateway's is not known"},
		{"W31-W40 W47-W52", "services/gateway tests deliveries, their ids and secrets, with receivers of its own"},
		{"W53-W62", "the suite takes no webhooks of others"},
		{"W63", "what is kept was refused before, and a ping passes the same guard"},
		{"K12-K16", "services/internal/rpc/oidc_test.go holds the keys of an issuer to it"},
		{"K35", "services/internal/rpc tests that a server with such a method does not start"},
		{"K41 K42", "who signed in where is the issuer's to know; its tokens end within 24 hours, and its keys are read each minute"},
		{"K47", "no HTTP client and no server takes CR LF in a header"},
		{"K55", "services/internal/rpc/pass_test.go holds passes to it"},
		{"K65", "services/cmd/concentric tests that such a process does not start"},
		{"K60", "page tokens do not age, see A63"},
		{"C01-C68", "about how a process starts, not about calls"},
	}
}

// reason returns why the row does not apply, and whether that is so.
func reason(id string) (string, bool) {
	for _, a := range absent() {
		for part := range strings.FieldsSeq(a.ids) {
			first, last, isRange := strings.Cut(part, "-")
			if id == first || isRange && id[0] == first[0] && first <= id && id <= last {
				return a.why, true
			}
		}
	}
	return "", false
}
