package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Verify computes the chain of a brand anew, as of one moment and from the last event on that
// was old enough to go, and says where it first differs from what is kept, or from what was
// known before.
func (l *Log) Verify(ctx context.Context, brand string, known *eventv1.AuditHead) (*eventv1.VerifyAuditLogResponse, error) {
	res := &eventv1.VerifyAuditLogResponse{Head: &eventv1.AuditHead{}}
	err := l.db.Snapshot(ctx, func(s *sqldb.Snapshot) error {
		var (
			head = res.GetHead()
			c    = chain{brand: brand, known: known}
		)
		err := s.QueryRow(`SELECT sequence, hash, pruned_sequence, pruned_hash FROM audit_head WHERE brand = $1`, brand).
			Scan(&head.Sequence, &head.Hash, &c.sequence, &c.hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		res.Pruned = &eventv1.AuditHead{Sequence: c.sequence, Hash: c.hash}
		if err := s.QueryRow(`SELECT COUNT(*) FROM audit_event WHERE brand = $1 AND sequence IS NULL`, brand).Scan(&res.UnsealedCount); err != nil {
			return err
		}
		if err = c.begin(); err == nil {
			err = s.Each(c.visit, `SELECT `+columns+` FROM audit_event WHERE brand = $1 AND sequence IS NOT NULL ORDER BY sequence`, brand)
		}
		if err != nil && !errors.Is(err, errBroken) {
			return err
		}
		c.end(head)
		res.FirstBreak = c.broken
		return nil
	})
	return res, sqldb.Fault(err)
}

// errBroken ends the walk along a chain.
var errBroken = errors.New("the chain is broken")

// A chain is how far it has been computed.
type chain struct {
	brand    string
	sequence int64
	hash     string
	known    *eventv1.AuditHead
	broken   *eventv1.AuditBreak
}

func (c *chain) visit(next func(...any) error) error {
	r, err := scan(next)
	if err != nil {
		return err
	}
	if r.sequence != c.sequence+1 {
		return c.fail(c.sequence+1, "it is missing")
	}
	hash, err := r.sum(c.brand, c.hash)
	if err != nil {
		return err
	}
	if hash != r.hash || r.salt != "" && digest(r.salt, r.resource) != r.digest || r.salt == "" && r.resource != "" {
		return c.fail(r.sequence, "it is not what was sealed")
	}
	c.sequence, c.hash = r.sequence, hash
	return c.meet()
}

// begin compares what was known before with where the chain begins: of what is gone nobody
// can say any more that it was as it should be.
func (c *chain) begin() error {
	if known := c.known.GetSequence(); known > 0 && known < c.sequence {
		return c.fail(known, "an earlier check has seen it, and it is gone, as if it were old")
	}
	return c.meet()
}

// meet compares what was known before with where the chain is.
func (c *chain) meet() error {
	if c.known != nil && c.sequence > 0 && c.known.GetSequence() == c.sequence && c.known.GetHash() != c.hash {
		return c.fail(c.sequence, "it is not what an earlier check has seen")
	}
	return nil
}

func (c *chain) fail(sequence int64, why string) error {
	c.broken = &eventv1.AuditBreak{Sequence: sequence, Message: fmt.Sprintf("event %d: %s", sequence, why)}
	return errBroken
}

// end compares where the chain ends with where it should, and with what was known before.
func (c *chain) end(head *eventv1.AuditHead) {
	switch {
	case c.broken != nil:
	case c.sequence != head.GetSequence() || c.hash != head.GetHash():
		c.fail(c.sequence+1, "the last ones are missing") //nolint:errcheck // the walk is over
	case c.known != nil && c.known.GetSequence() > c.sequence:
		c.fail(c.sequence+1, "an earlier check has seen more") //nolint:errcheck // the walk is over
	}
}
