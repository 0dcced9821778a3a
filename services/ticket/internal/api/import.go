package api

import (
	"context"
	"time"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/intake"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// What an import writes in one transaction, and the longest name that it speaks of.
const (
	chunkRows    = 200
	chunkEntries = 2_000
	maxName      = len("brands//tickets/") + 2*63
)

// ImportTickets implements TicketService. What is stored stays when the call fails
// later on: send the rest again, the rows that are there change nothing.
func (s *Server) ImportTickets(stream grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]) error {
	in := importing{server: s, now: resource.Now(), resp: &ticketv1.ImportTicketsResponse{}}
	if err := intake.Each(stream, "ticket", in.take); err != nil {
		return err
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
	told   intake.Told
}

// take adds a row to the chunk, which it flushes when it is full.
func (in *importing) take(ctx context.Context, index int64, row *ticketv1.ImportTicketsRequest) error {
	if index == 0 {
		in.first = row
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

// flush stores the chunk and says what became of its rows.
func (in *importing) flush(ctx context.Context) error {
	if len(in.chunk) == 0 {
		return nil
	}
	var done []result
	err := intake.Store(ctx, in.server.DB, in.first.GetValidateOnly(), func(tx *sqldb.Tx) (err error) {
		done, err = in.server.importChunk(tx, in.chunk)
		return err
	})
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
		said.Error = intake.Status(r.err)
	}
	in.told.Add(said, said.GetError())
	in.resp.Results = append(in.resp.Results, said)
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
