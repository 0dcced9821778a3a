// Package once makes every mutation of every service safe to repeat.
//
// The answer to a call with a request_id is stored in the transaction of the
// call's effect and given again for seven days; the same id with another body, or
// for another method, is refused. A request belongs to a brand: the ids of two
// brands never meet.
package once

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/meter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Window is how long an answer is remembered.
const Window = 7 * 24 * time.Hour

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of requests and of the audit log in db up to date.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	if err := audit.Migrate(ctx, db); err != nil {
		return err
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return sqldb.Migrate(ctx, db, "once", dir)
}

// A Request is a mutation.
type Request interface {
	proto.Message
	GetRequestId() string
	GetValidateOnly() bool
}

// Do runs effect once for req and returns its answer, or the answer that was
// stored when req came before. Without a request_id every call has its effect.
// With validate_only effect runs and is undone. effect may run more than once; see
// [sqldb.DB.Write]. What it noted on its transaction goes out as [RevisionHeader]. A call
// that is audited is written to the audit log with its effect.
func Do[T proto.Message](ctx context.Context, db *sqldb.DB, brand string, req Request, effect func(*sqldb.Tx) (T, error)) (T, error) {
	var answer, none T
	var notes []string
	run := func(tx *sqldb.Tx) (err error) {
		answer, err = effect(tx)
		notes = tx.Notes()
		if call := audit.Of(ctx); call != nil && err == nil {
			named, _ := any(answer).(interface{ GetName() string })
			resource := ""
			if named != nil {
				resource = named.GetName()
			}
			call.Done(tx, resource, req.GetRequestId())
		}
		return err
	}
	var err error
	switch {
	case req.GetValidateOnly():
		err = db.Try(ctx, run)
	case req.GetRequestId() == "":
		err = db.Write(ctx, run)
	default:
		err = remembered(ctx, db, brand, req, &answer, run, func() { notes = nil })
	}
	if err != nil {
		return none, err
	}
	if !req.GetValidateOnly() {
		tell(ctx, notes)
	}
	return answer, nil
}

// remembered is Do for a request with an id. It calls undone before the effect is made, and
// where it was made in vain.
func remembered[T proto.Message](ctx context.Context, db *sqldb.DB, brand string, req Request, answer *T, run func(*sqldb.Tx) error, undone func()) error {
	sum, err := digest(req)
	if err != nil {
		return err
	}
	ask := sqldb.Ask{Query: find, Key: []string{brand, req.GetRequestId()}}
	replayed := false
	defer func() {
		if replayed {
			replays.Add(ctx, db.Service())
		}
	}()
	attempt := func(tx *sqldb.Tx) error {
		now := time.Now()
		undone()
		found, err := recall(tx.Asked(), req, sum, answer)
		replayed = found
		if errors.Is(err, errExpired) {
			tx.Defer(`DELETE FROM request WHERE brand = $1 AND request_id = $2`, brand, req.GetRequestId())
		} else if err != nil || found {
			return err
		}
		if err := run(tx); err != nil {
			return err
		}
		body, err := proto.Marshal(*answer)
		if err != nil {
			return err
		}
		if body == nil {
			body = []byte{}
		}
		tx.Finally(`INSERT INTO request (brand, request_id, digest, response, create_time) VALUES ($1, $2, $3, $4, $5)`,
			brand, req.GetRequestId(), sum, body, sqldb.Micros(now))
		return nil
	}
	err = db.WriteAsking(ctx, ask, attempt)
	if err == nil || fault.Reason(err) == mismatch {
		return err
	}
	// The effect may have met what a twin of this very request left behind in the
	// meantime, such as a resource of the chosen id. Then the twin's answer is ours.
	found, e := recall(db.Read().QueryRowContext(ctx, find, brand, req.GetRequestId()), req, sum, answer)
	switch {
	case found || fault.Reason(e) == mismatch:
		undone()
		replayed = found
		return e
	case sqldb.Unique(err):
		return db.WriteAsking(ctx, ask, attempt)
	}
	return err
}

// replays counts requests that were answered as they had been before.
var replays = meter.Counter{Name: "concentric.request.replays", Unit: "{call}", Description: "Changes that had been made before and were answered as then."}

// Mismatch reports that a request_id was used for something else.
func Mismatch(id string) error {
	return &fault.Error{
		Code: codes.AlreadyExists, Reason: mismatch, Message: fmt.Sprintf("request_id %s was used for another request", id),
		Metadata: map[string]string{"request_id": id},
	}
}

// mismatch is the reason of a request_id that was used for something else.
const mismatch = "IDEMPOTENCY_MISMATCH"

const find = `SELECT digest, response, create_time FROM request WHERE brand = $1 AND request_id = $2`

// errExpired says that there is an answer but that its window is over.
var errExpired = errors.New("the stored answer is too old")

// recall reads the answer stored for req, if there is one, into answer.
func recall[T proto.Message](row interface{ Scan(...any) error }, req Request, sum []byte, answer *T) (found bool, err error) {
	var (
		seen, stored []byte
		created      int64
	)
	err = row.Scan(&seen, &stored, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case created <= sqldb.Micros(time.Now().Add(-Window)):
		return false, errExpired
	case !bytes.Equal(seen, sum):
		return false, Mismatch(req.GetRequestId())
	}
	*answer = (*answer).ProtoReflect().New().Interface().(T)
	return true, proto.Unmarshal(stored, *answer)
}

// rooms are what requests were written into, for those that come next.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// maxRoom is the largest one that is kept, so that one large request is not held for good.
const maxRoom = 1 << 20

// digest covers the method, which the request's type stands for, and the body.
func digest(req Request) ([]byte, error) {
	room := rooms.Get().(*[]byte) //nolint:errcheck // it holds nothing else
	body, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend((*room)[:0], req)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cap(body) <= maxRoom {
			*room = body
			rooms.Put(room)
		}
	}()
	h := sha256.New()
	h.Write([]byte(req.ProtoReflect().Descriptor().FullName()))
	h.Write([]byte{0})
	h.Write(body)
	return h.Sum(nil), nil
}

// Forget removes up to 1,000 answers older than the window and returns how many.
// Call it again while it returns 1,000.
func Forget(ctx context.Context, db *sqldb.DB) (n int64, err error) {
	err = db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = tx.Exec(`
			DELETE FROM request WHERE (brand, request_id) IN (
			  SELECT brand, request_id FROM request WHERE create_time <= $1 ORDER BY create_time LIMIT 1000)`,
			sqldb.Micros(time.Now().Add(-Window)))
		return err
	})
	return n, err
}
