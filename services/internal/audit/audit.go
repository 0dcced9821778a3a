// Package audit keeps, in the database of each service, who changed what: one row in the
// transaction of the change, for the methods whose contract says so. Rows are sealed
// afterwards, beside the calls, into a chain of hashes a brand, so that writers never wait
// for each other; see [Log.Seal].
package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of the log in db up to date. Replicas may call it at the same
// time.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return sqldb.Migrate(ctx, db, "audit", dir)
}

// A Call is what is known of an audited call before it is answered.
type Call struct {
	Brand    string // of the caller; "" for any
	Method   string // such as CustomerService/MergeCustomers
	Subject  string // who calls
	Resource string // what the request acts on
	Peer     string // where from; "" within the process
}

type callKey struct{}

// With returns a context in which changes are written to the log as made by c.
func With(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// Of returns the call that ctx is of, or nil if that is not audited.
func Of(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Done writes that c has changed something, if, and only if, tx commits. The resource is the
// one that was changed, or "" where the request says it.
func (c *Call) Done(tx *sqldb.Tx, resource, requestID string) {
	resource = cmp.Or(resource, c.Resource)
	c.write(tx, cmp.Or(name.Brand(resource), c.Brand), resource, requestID, eventv1.AuditEvent_OUTCOME_DONE, time.Now())
}

func (c *Call) write(tx *sqldb.Tx, brand, resource, requestID string, outcome eventv1.AuditEvent_Outcome, at time.Time) {
	salt := rand.Text()
	tx.Finally(`
		INSERT INTO audit_event (brand, id, event_time, subject, method, resource, request_id, outcome, peer, salt, digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		brand, name.NewID(), sqldb.Micros(at), c.Subject, c.Method, resource, requestID, int32(outcome), c.Peer, salt, digest(salt, resource))
}

// A row is an event as it is kept.
type row struct {
	id, subject, method, resource, requestID, peer string

	time, sequence int64 // sequence is 0 until it is sealed
	outcome        int32
	hash           string

	// What is sealed is the digest of the salt and the resource, so that a customer who is
	// erased can go from the resource, and the salt with it, and the chain stays whole.
	salt, digest string
}

// digest returns what stands for a resource in the chain.
func digest(salt, resource string) string {
	sum := sha256.Sum256([]byte(salt + "\x00" + resource))
	return hex.EncodeToString(sum[:])
}

const columns = `id, event_time, subject, method, resource, request_id, outcome, peer, COALESCE(sequence, 0), hash, salt, digest`

func scan(scan func(...any) error) (r row, err error) {
	err = scan(&r.id, &r.time, &r.subject, &r.method, &r.resource, &r.requestID, &r.outcome, &r.peer, &r.sequence, &r.hash, &r.salt, &r.digest)
	return r, err
}

// sum returns the hash of a chain that ends with r in a brand, after previous.
func (r row) sum(brand, previous string) (string, error) {
	text, err := json.Marshal([]any{previous, brand, r.sequence, r.id, r.time, r.subject, r.method, r.digest, r.requestID, r.outcome, r.peer})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
