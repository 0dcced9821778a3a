package privacy

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	fresh   = 500 * time.Millisecond // what another replica buried or lifted is known by then
	overlap = time.Minute            // that the clocks and commits of replicas are apart at most
)

// Tombstones are who was erased; nil is nobody. They are kept in memory, so that those who write need not
// ask the database, and know what other replicas buried after half a second: an erasure
// looks again after longer. Their methods may be called concurrently.
type Tombstones struct {
	db     *sqldb.DB
	secret []byte

	reading sync.Mutex // held while the database is read
	mu      sync.RWMutex
	buried  map[string]stone // by brand and hash
	edition int64            // rises with each change of buried
	read    time.Time        // when the database was read
}

// A stone says when somebody was erased, and whether that is over.
type stone struct {
	at     int64
	lifted bool
}

// OpenTombstones brings the tables of this package up to date and returns who was erased.
func OpenTombstones(ctx context.Context, db *sqldb.DB) (*Tombstones, error) {
	if err := Migrate(ctx, db); err != nil {
		return nil, err
	}
	t := &Tombstones{db: db, buried: map[string]stone{}}
	err := db.Write(ctx, func(tx *sqldb.Tx) error {
		var secret string
		tx.Defer(`INSERT INTO tombstone_key (one, secret) VALUES (1, $1) ON CONFLICT DO NOTHING`, hex.EncodeToString(newSecret()))
		err := tx.QueryRow(`SELECT secret FROM tombstone_key`).Scan(&secret)
		if err == nil {
			t.secret, err = hex.DecodeString(secret)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open tombstones: %w", err)
	}
	return t, t.refresh(ctx)
}

func newSecret() []byte {
	secret := make([]byte, sha256.Size)
	rand.Read(secret) //nolint:errcheck,gosec // it never fails
	return secret
}

// refresh reads what is new since the last time, unless that was just now.
func (t *Tombstones) refresh(ctx context.Context) error {
	t.mu.RLock()
	read := t.read
	t.mu.RUnlock()
	if time.Since(read) < fresh {
		return nil
	}
	t.reading.Lock()
	defer t.reading.Unlock()
	t.mu.RLock()
	last := t.read
	t.mu.RUnlock()
	if last != read && time.Since(last) < fresh {
		return nil // somebody else read it meanwhile
	}
	now, since := time.Now(), int64(0)
	if !last.IsZero() {
		since = sqldb.Micros(last.Add(-overlap))
	}
	rows, err := t.db.Read().QueryContext(sqldb.ForAll(ctx), `SELECT brand, hash, create_time, lift_time FROM tombstone WHERE change_time >= $1`, since)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer rows.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for rows.Next() {
		var (
			brand, hash string
			one         stone
			lifted      sql.NullInt64
		)
		if err := rows.Scan(&brand, &hash, &one.at, &lifted); err != nil {
			return sqldb.Fault(err)
		}
		one.lifted = lifted.Valid
		t.set(brand+"/"+hash, one)
	}
	if err := rows.Err(); err != nil {
		return sqldb.Fault(err)
	}
	t.read = now
	return nil
}

// hash returns what somebody is known by here.
func (t *Tombstones) hash(brand, kind, value string) string {
	h := hmac.New(sha256.New, t.secret)
	h.Write([]byte(brand + "/" + kind + "/" + value))
	return hex.EncodeToString(h.Sum(nil))
}

// find returns the stone of a value, if there is one that counts.
func (t *Tombstones) find(brand, kind, value string) (stone, bool) {
	if t == nil {
		return stone{}, false
	}
	t.mu.RLock()
	none := len(t.buried) == 0
	t.mu.RUnlock()
	if none {
		return stone{}, false
	}
	hash := t.hash(brand, kind, value)
	t.mu.RLock()
	defer t.mu.RUnlock()
	one, ok := t.buried[brand+"/"+hash]
	return one, ok && !one.lifted
}

// The kinds of what is buried.
const (
	customers  = "customers"
	identities = "identities"
)

// ErasedReason is the reason of what is refused because of an erasure.
const ErasedReason = "CUSTOMER_ERASED"

// Pseudonym reports whether a customer's id is one that stands for somebody who was erased.
func Pseudonym(id string) bool {
	digits, ok := strings.CutPrefix(id, "erased-")
	return ok && len(digits) == 20 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Refuse returns FAILED_PRECONDITION, CUSTOMER_ERASED, if the customer was erased, or is
// a pseudonym of somebody who was.
func (t *Tombstones) Refuse(brand, id string) error {
	if id == "" || !Pseudonym(id) && !t.Buried(brand, id) {
		return nil
	}
	n := name.Join("brands", brand, "customers", id)
	return fault.Precondition(ErasedReason, n, "%s was erased; nothing is kept of them until they consent anew", n)
}

// Buried reports whether the customer was erased, as far as is known in memory.
func (t *Tombstones) Buried(brand, id string) bool {
	_, ok := t.find(brand, customers, id)
	return ok
}

// IdentityBuried returns when the holder of an identity, known by its hash, was erased.
func (t *Tombstones) IdentityBuried(brand, hash string) (at time.Time, ok bool) {
	one, ok := t.find(brand, identities, hash)
	return sqldb.Time(one.at), ok
}

// Keep keeps t up to date for those who have no time to ask, until ctx ends.
func (t *Tombstones) Keep(ctx context.Context) {
	tick := time.NewTicker(fresh)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.refresh(ctx) //nolint:errcheck,gosec // while the database is out of reach nothing is written either
		case <-ctx.Done():
			return
		}
	}
}

// bury remembers that a customer was erased.
func (t *Tombstones) bury(tx *sqldb.Tx, brand, id string) { t.put(tx, brand, customers, id) }

// BuryIdentity remembers that the holder of an identity was.
func (t *Tombstones) BuryIdentity(tx *sqldb.Tx, brand, hash string) {
	t.put(tx, brand, identities, hash)
}

func (t *Tombstones) put(tx *sqldb.Tx, brand, kind, value string) {
	hash, now := t.hash(brand, kind, value), sqldb.Micros(time.Now())
	tx.Defer(`
		INSERT INTO tombstone (brand, hash, create_time, change_time) VALUES ($1, $2, $3, $3)
		ON CONFLICT (brand, hash) DO UPDATE SET create_time = $3, change_time = $3, lift_time = NULL`, brand, hash, now)
	tx.AfterCommit(func() { t.learn(brand, hash, stone{at: now}) })
}

func (t *Tombstones) learn(brand, hash string, one stone) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(brand+"/"+hash, one)
}

// set remembers a stone. The caller holds the lock.
func (t *Tombstones) set(key string, one stone) {
	if known, ok := t.buried[key]; !ok || known != one {
		t.buried[key] = one
		t.edition++
	}
}

// Edition returns a number that is another one once somebody is known to be erased, or to
// have come back, who was not: what was remembered of customers before may be gone.
func (t *Tombstones) Edition() int64 {
	if t == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.edition
}

// Lift lets a customer who was erased come back, who has consented to something at a time
// after that. It reports whether it did.
func (t *Tombstones) Lift(tx *sqldb.Tx, brand, id string, consented time.Time) bool {
	one, ok := t.find(brand, customers, id)
	if !ok || one.at >= sqldb.Micros(consented) {
		return false
	}
	hash, now := t.hash(brand, customers, id), sqldb.Micros(time.Now())
	tx.Defer(`UPDATE tombstone SET lift_time = $1, change_time = $1 WHERE brand = $2 AND hash = $3`, now, brand, hash)
	tx.AfterCommit(func() { t.learn(brand, hash, stone{at: one.at, lifted: true}) })
	return true
}
