package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// lower32 is base 32 as ids are written.
var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// EventKey returns the id that follows from an event, so that the same event makes the same
// touchpoint; "" without one.
//
// It is a digest, in no order, which costs another page of the index for each touchpoint.
// Of an event whose id begins with its time, a UUIDv7 (RFC 9562), it begins with that time
// too and 80 bits are of the digest: what happens about the same time is together.
func (s *Store) EventKey(source, event string) string {
	if event == "" {
		return ""
	}
	key := sha256.Sum256([]byte(source + "\x00" + event))
	if at, timed := uuidTime(event); timed && at >= s.timed {
		copy(key[6:], key[:])
		binary.BigEndian.PutUint32(key[:], uint32(at>>16)) //nolint:gosec // of 48 bits
		binary.BigEndian.PutUint16(key[4:], uint16(at))    //nolint:gosec // the other 16
	}
	return lower32.EncodeToString(key[:16])
}

// uuidTime returns the time, in milliseconds since 1970, that an id begins with if it is a
// UUIDv7 in its usual form of 36 characters.
func uuidTime(id string) (at uint64, timed bool) {
	if len(id) != 36 {
		return 0, false
	}
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return 0, false
	}
	return binary.BigEndian.Uint64(u[:8]) >> 16, true
}

// readTimed reads since when ids of events count that begin with their time.
func (s *Store) readTimed(ctx context.Context) error {
	if err := s.db.Read().QueryRowContext(ctx, `SELECT since FROM event_key`).Scan(&s.timed); err != nil {
		return fmt.Errorf("read event_key: %w", sqldb.Fault(err))
	}
	return nil
}
