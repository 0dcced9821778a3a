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
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Window is how long an answer is remembered.
const Window = 7 * 24 * time.Hour

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the request table of db up to date.
func Migrate(ctx context.Context, db *sqldb.DB) error {
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
// [sqldb.DB.Write].
func Do[T proto.Message](ctx context.Context, db *sqldb.DB, brand string, req Request, effect func(*sqldb.Tx) (T, error)) (T, error) {
	var answer, none T
	run := func(tx *sqldb.Tx) (err error) {
		answer, err = effect(tx)
		return err
	}
	var err error
	switch {
	case req.GetValidateOnly():
		err = db.Try(ctx, run)
	case req.GetRequestId() == "":
		err = db.Write(ctx, run)
	default:
		err = remembered(ctx, db, brand, req, &answer, run)
	}
	if err != nil {
		return none, err
	}
	return answer, nil
}

// remembered is Do for a request with an id.
func remembered[T proto.Message](ctx context.Context, db *sqldb.DB, brand string, req Request, answer *T, run func(*sqldb.Tx) error) error {
	sum, err := digest(req)
	if err != nil {
		return err
	}
	attempt := func(tx *sqldb.Tx) error {
		now := time.Now()
		stored, err := lookup(tx, brand, req.GetRequestId(), sum, now)
		if err != nil {
			return err
		}
		if stored != nil {
			*answer = (*answer).ProtoReflect().New().Interface().(T)
			return proto.Unmarshal(stored, *answer)
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
		tx.Defer(`INSERT INTO request (brand, request_id, digest, response, create_time) VALUES ($1, $2, $3, $4, $5)`,
			brand, req.GetRequestId(), sum, body, sqldb.Micros(now))
		return nil
	}
	err = db.Write(ctx, attempt)
	if sqldb.Unique(err) {
		// Another replica answered the same request in the meantime, or the effect
		// itself met a unique row; a second look tells which.
		err = db.Write(ctx, attempt)
	}
	return err
}

// lookup returns the answer stored for a request, or nil if there is none. A row
// older than the window is removed.
func lookup(tx *sqldb.Tx, brand, id string, sum []byte, now time.Time) ([]byte, error) {
	var (
		seen, stored []byte
		created      int64
	)
	err := tx.QueryRow(`SELECT digest, response, create_time FROM request WHERE brand = $1 AND request_id = $2`, brand, id).
		Scan(&seen, &stored, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case created <= sqldb.Micros(now.Add(-Window)):
		tx.Defer(`DELETE FROM request WHERE brand = $1 AND request_id = $2`, brand, id)
		return nil, nil
	case !bytes.Equal(seen, sum):
		return nil, &fault.Error{
			Code: codes.AlreadyExists, Reason: "IDEMPOTENCY_MISMATCH",
			Message:  fmt.Sprintf("request_id %s was used for another request", id),
			Metadata: map[string]string{"request_id": id},
		}
	case stored == nil:
		return []byte{}, nil
	}
	return stored, nil
}

// digest covers the method, which the request's type stands for, and the body.
func digest(req Request) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, err
	}
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
