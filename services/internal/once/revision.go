package once

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// RevisionHeader is the header that says which revision a change made: the events that
// tell other services of it, as `kind.id` separated by commas. A change that nobody is told of, or by
// more than 64 events, has none, nor has the repeat of one.
const RevisionHeader = "concentric-revision"

// maxNotes is how many events a header tells of.
const maxNotes = 64

// tell sets the header of the call that ctx is of, if it is of one.
func tell(ctx context.Context, notes []string) {
	if len(notes) == 0 || len(notes) > maxNotes {
		return
	}
	_ = grpc.SetHeader(ctx, metadata.Pairs(RevisionHeader, strings.Join(notes, ","))) // fails where nobody waits for one
}
