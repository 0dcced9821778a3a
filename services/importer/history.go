package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// oddities are what the ticket service finds odd about a history, in words.
var oddities = map[ticketv1.ImportTicketResult_Oddity]string{
	ticketv1.ImportTicketResult_ODDITY_BEFORE_OPENING:         "something happened before it was opened",
	ticketv1.ImportTicketResult_ODDITY_CLOSED_UNRESOLVED:      "closed without ever being resolved",
	ticketv1.ImportTicketResult_ODDITY_CLOSED_BEFORE_RESOLVED: "closed before it was resolved",
	ticketv1.ImportTicketResult_ODDITY_ILLEGAL_TRANSITION:     "a move that was not possible, kept in the log without effect",
	ticketv1.ImportTicketResult_ODDITY_AFTER_CLOSING:          "something happened after it was closed",
}

// histories takes over the histories of rows that need no other step.
func (s *session) histories(ctx context.Context, rows []work) error {
	return s.blocks(ctx, lone(rows, mapping.Histories), s.stream)
}

// stream sends the histories of places in one stream. A second try finds those that the
// first one stored there already.
func (s *session) stream(ctx context.Context, places []place) error {
	var res *ticketv1.ImportTicketsResponse
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = s.importTickets(ctx, places)
		return err
	})
	first := &places[0].w.plan.Steps[places[0].step]
	if err != nil {
		return fmt.Errorf("%s: %w", refusal(first, fmt.Sprintf("stopped at the stream of %d histories that begins here", len(places))), err)
	}
	said := make(map[int64]verdict, len(res.GetResults()))
	for _, r := range res.GetResults() {
		v := verdict{err: status.ErrorProto(r.GetError())}
		for _, o := range r.GetOddities() {
			v.odd = append(v.odd, cmp.Or(oddities[o], o.String()))
		}
		said[r.GetIndex()] = v
	}
	return s.settle(places, res.GetUnchangedCount(), said)
}

// A verdict is what a service says about one row of a stream.
type verdict struct {
	err error // why it was not taken
	odd []string
}

// settle says what became of the rows of a stream, by their place in it. Of repeats rows
// that were there already nothing is said: any of the silent ones.
func (s *session) settle(places []place, repeats int64, said map[int64]verdict) (err error) {
	for i, p := range places {
		step := &p.w.plan.Steps[p.step]
		v, about := said[int64(i)]
		switch {
		case v.err != nil:
			if p.w.results[p.step], err = s.declined(step, v.err); err != nil {
				return err
			}
		case !about && repeats > 0:
			p.w.results[p.step], repeats = result{outcome: repeated}, repeats-1
		default:
			p.w.results[p.step] = result{outcome: sent, odd: v.odd}
		}
	}
	return nil
}

// declined says why one row of a stream was not taken.
func (s *session) declined(step *mapping.Step, err error) (result, error) {
	if status.Code(err) == codes.AlreadyExists {
		return result{outcome: refused, refusals: []Refusal{refusal(step, "it is there with another content: "+step.Name)}}, nil
	}
	return s.judge(step, err, none)
}

// importTickets is one try.
func (s *session) importTickets(ctx context.Context, places []place) (*ticketv1.ImportTicketsResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that is given up
	stream, err := s.services.tickets.ImportTickets(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		req := p.w.plan.Steps[p.step].Request.(*ticketv1.ImportTicketsRequest)
		req.ValidateOnly = s.opt.ValidateOnly
		if err := stream.Send(req); errors.Is(err, io.EOF) {
			break // CloseAndRecv says why
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}
