package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// lower32 is base 32 as ids are written.
var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// EventKey returns the id that follows from an event, so that the same event makes the same
// touchpoint; "" without one.
//
// It is a digest, in no order, which costs another page of the index for each touchpoint.
// Of an event whose id begins with its time, a UUIDv7 (RFC 9562) or a ULID, as those of our
// own events are, it begins with that time too and 80 bits are of the digest: what happens
// about the same time is together.
func (s *Store) EventKey(source, event string) string {
	if event == "" {
		return ""
	}
	text := append(append(append(make([]byte, 0, 256), source...), 0), event...) // most need no more
	key := sha256.Sum256(text)
	if at, timed := s.timed.of(event); timed {
		copy(key[6:], key[:])
		binary.BigEndian.PutUint32(key[:], uint32(at>>16)) //nolint:gosec // of 48 bits
		binary.BigEndian.PutUint16(key[4:], uint16(at))    //nolint:gosec // the other 16
	}
	return string(lower32.AppendEncode(text[:0], key[:16]))
}

// A timed says from when on, in milliseconds since 1970, the time that an event's id begins
// with counts.
type timed struct{ uuids, ulids uint64 }

// of returns the time that id begins with, in milliseconds since 1970, if that counts: of a
// UUIDv7 in its usual form of 36 characters, and of a ULID in either case.
func (since timed) of(id string) (at uint64, counts bool) {
	switch len(id) {
	case 36:
		u, err := uuid.Parse(id)
		if err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
			return 0, false
		}
		at = binary.BigEndian.Uint64(u[:8]) >> 16
		return at, at >= since.uuids
	case ulid.EncodedSize:
		u, err := ulid.ParseStrict(id)
		if err != nil {
			return 0, false
		}
		return u.Time(), u.Time() >= since.ulids
	}
	return 0, false
}

// readTimed reads since when ids of events count that begin with their time.
func (s *Store) readTimed(ctx context.Context) error {
	if err := s.db.Read().QueryRowContext(ctx, `SELECT since, ulids_since FROM event_key`).Scan(&s.timed.uuids, &s.timed.ulids); err != nil {
		return fmt.Errorf("read event_key: %w", sqldb.Fault(err))
	}
	return nil
}
