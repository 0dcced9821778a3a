package api

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// What an import takes in one call and writes in one transaction, and what it says: all
// that maxRows rows give rise to fits into one answer.
const (
	maxRows      = 10_000
	chunkRows    = 200
	chunkEntries = 2_000

	maxViolations = 3 // of a row
	maxDetailed   = 4 << 20
	maxCurt       = 200 // of a message, once the answer has that many bytes
	maxName       = len("brands//tickets/") + 2*63
)

// ImportTickets implements TicketService. What is stored stays when the call fails
// later on: send the rest again, the rows that are there change nothing.
func (s *Server) ImportTickets(stream grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]) error {
	in := importing{server: s, now: resource.Now(), resp: &ticketv1.ImportTicketsResponse{}}
	for index := int64(0); ; index++ {
		row, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = in.take(stream.Context(), index, row)
		}
		if err != nil {
			return err
		}
	}
	if err := in.flush(stream.Context()); err != nil {
		return err
	}
	return stream.SendAndClose(in.resp)
}

// An importing is one call of ImportTickets.
type importing struct {
	server *Server
	now    time.Time
	first  *ticketv1.ImportTicketsRequest // whose parent and validate_only hold for all
	chunk  []*past
	size   int // the entries of chunk
	resp   *ticketv1.ImportTicketsResponse
	told   int // the bytes of what resp says about rows
}

// take adds a row to the chunk, which it flushes when it is full.
func (in *importing) take(ctx context.Context, index int64, row *ticketv1.ImportTicketsRequest) error {
	if index == 0 {
		in.first = row
	}
	switch {
	case index == maxRows:
		return fault.Invalid(fault.Field{Path: "ticket", Reason: "import.rows", Description: "must be at most 10000 in one call"})
	case row.GetParent() != in.first.GetParent():
		return fault.Invalid(fault.Field{Path: "parent", Reason: "import.parent", Description: "must be the same in every message"})
	case row.GetValidateOnly() != in.first.GetValidateOnly():
		return fault.Invalid(fault.Field{Path: "validate_only", Reason: "import.validate_only", Description: "must be the same in every message"})
	}
	p := past{index: index}
	if p.err = in.server.Validator.Message(row); p.err == nil {
		p = newPast(index, row, in.now)
	}
	p.opened.Brand, p.opened.ID = name.Brand(row.GetParent()), row.GetTicketId()
	in.chunk, in.size = append(in.chunk, &p), in.size+len(p.events)+len(p.interactions)
	if len(in.chunk) < chunkRows && in.size < chunkEntries {
		return nil
	}
	return in.flush(ctx)
}

// flush stores the chunk and says what became of its rows. Somebody else may have
// taken an id between the look and the leap; then it looks again.
func (in *importing) flush(ctx context.Context) error {
	if len(in.chunk) == 0 {
		return nil
	}
	do := in.server.DB.Write
	if in.first.GetValidateOnly() {
		do = in.server.DB.Try
	}
	var done []result
	store := func(tx *sqldb.Tx) (err error) {
		done, err = in.server.importChunk(tx, in.chunk)
		return err
	}
	err := do(ctx, store)
	if sqldb.Unique(err) {
		err = do(ctx, store)
	}
	if err != nil {
		return err
	}
	for _, r := range done {
		in.count(r)
	}
	in.chunk, in.size = nil, 0
	return nil
}

// A result is what became of a row.
type result struct {
	past      *past
	err       error // why it was refused
	unchanged bool
	oddities  []ticketv1.ImportTicketResult_Oddity
}

// count adds r to the answer.
func (in *importing) count(r result) {
	switch {
	case r.err != nil:
		in.resp.RefusedCount++
	case r.unchanged:
		in.resp.UnchangedCount++
	default:
		in.resp.ImportedCount++
	}
	if r.err == nil && len(r.oddities) == 0 {
		return
	}
	said := &ticketv1.ImportTicketResult{Index: r.past.index, Oddities: r.oddities}
	if n := ticketName(r.past.opened.Brand, r.past.opened.ID); len(n) <= maxName {
		said.Ticket = n
	}
	if r.err != nil {
		said.Error = statusOf(few(r.err))
	}
	if e := said.GetError(); e != nil && in.told+proto.Size(said) > maxDetailed {
		e.Message, e.Details = cut(e.GetMessage(), maxCurt), nil
	}
	in.told += proto.Size(said)
	in.resp.Results = append(in.resp.Results, said)
}

// few leaves out all but the first of the fields that err is about.
func few(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > maxViolations {
		return fault.Invalid(e.Fields[:maxViolations]...)
	}
	return err
}

// cut shortens text to at most n bytes of whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const ellipsis = "…"
	return strings.ToValidUTF8(text[:n-len(ellipsis)], "") + ellipsis
}

// importChunk stores rows. The error is one that no row can help.
func (s *Server) importChunk(tx *sqldb.Tx, chunk []*past) ([]result, error) {
	done, ids := make([]result, len(chunk)), make([]string, 0, len(chunk))
	for i, p := range chunk {
		if done[i] = (result{past: p, err: p.err}); p.err == nil {
			ids = append(ids, p.opened.ID)
		}
	}
	if len(ids) == 0 {
		return done, nil
	}
	digests, err := store.Digests(tx, chunk[0].opened.Brand, ids)
	if err != nil {
		return nil, err
	}
	for i := range done {
		if done[i].err != nil {
			continue
		}
		if done[i], err = s.importOne(tx, chunk[i], digests); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// importOne stores a row that keeps its contract, unless its id is one of those with a
// digest.
func (s *Server) importOne(tx *sqldb.Tx, p *past, digests map[string]string) (result, error) {
	r := result{past: p}
	switch digest, taken := digests[p.opened.ID]; {
	case taken && digest == p.opened.ImportDigest:
		r.unchanged = true
		return r, nil
	case taken:
		r.err = fault.Exists(ticketName(p.opened.Brand, p.opened.ID))
		return r, nil
	}
	opened := p.opened
	if err := s.prepare(tx, &opened, ""); err != nil {
		if refusal(err) {
			r.err = err
			return r, nil
		}
		return r, err
	}
	played := p.play(opened)
	if err := played.write(tx); err != nil {
		return r, err
	}
	if err := s.slaOpened(tx, opened); err != nil {
		return r, err
	}
	digests[p.opened.ID] = p.opened.ImportDigest
	r.oddities = played.oddities()
	stale(tx, store.Ticket{}, played.t)
	return r, s.slaMoved(tx, opened, played.t)
}
