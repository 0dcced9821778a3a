// Package intake takes in the rows of an import: a stream of messages that belong
// together, stored chunk by chunk. What is stored stays when the call fails later on.
package intake

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// maxRows is what one call takes.
const maxRows = 10_000

// A Row is a message of an import.
type Row interface {
	GetParent() string
	GetValidateOnly() bool
}

// A Pointer is one to a message that is a [Row].
type Pointer[M any] interface {
	*M
	Row
}

// Each calls take with the messages of a stream until it ends, take fails, or one is
// refused: there are 10,000 at most, of the parent and validate_only of the first. The
// field at path is said to be of one too many.
func Each[Q, A any, P Pointer[Q]](
	stream grpc.ClientStreamingServer[Q, A], path string, take func(ctx context.Context, index int64, row P) error,
) error {
	var first P
	for index := int64(0); ; index++ {
		row, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case index == 0:
			first = row
		}
		if err := belongs(P(row), first, index, path); err != nil {
			return err
		}
		if err := take(stream.Context(), index, row); err != nil {
			return err
		}
	}
}

// belongs refuses a message that cannot come after the first.
func belongs(row, first Row, index int64, path string) error {
	switch {
	case index == maxRows:
		return fault.Invalid(fault.Field{Path: path, Reason: "import.rows", Description: "must be at most 10000 in one call"})
	case row.GetParent() != first.GetParent():
		return fault.Invalid(fault.Field{Path: "parent", Reason: "import.parent", Description: "must be the same in every message"})
	case row.GetValidateOnly() != first.GetValidateOnly():
		return fault.Invalid(fault.Field{Path: "validate_only", Reason: "import.validate_only", Description: "must be the same in every message"})
	}
	return nil
}

// Store runs f, which looks which ids are taken and stores a chunk, in one transaction;
// with validateOnly nothing of it stays. Somebody else may have taken an id between the
// look and the leap; then it looks again.
func Store(ctx context.Context, db *sqldb.DB, validateOnly bool, f func(*sqldb.Tx) error) error {
	do := db.Write
	if validateOnly {
		do = db.Try
	}
	err := do(ctx, f)
	if sqldb.Unique(err) {
		err = do(ctx, f)
	}
	return err
}
