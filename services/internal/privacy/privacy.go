// Package privacy forgets and tells what a service keeps of a customer, and forgets what
// has become old. A service lists its tables here, with what becomes of each; what all
// services have, answers kept for repeats and events to be sent, is looked after too.
//
// Who was erased is remembered by a hash alone, so that late and repeated news do not
// bring them back.
package privacy

import (
	"context"
	"embed"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of this package in db up to date.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return sqldb.Migrate(ctx, db, "privacy", dir)
}

// A Server answers the PrivacyService of one service. Its fields are set once, before
// serving; its methods may be called concurrently.
type Server struct {
	DB         *sqldb.DB
	Tombstones *Tombstones // of DB
	Tables     []Table     // in the order in which they are dealt with
	Named      []string    // queries for the names, within the brand, of what stays under {pseudonym}
	Traces     []Trace
	Rules      []Rule

	// Refer returns what the tables call a customer. Nil is the id.
	Refer func(id string) string

	// Family returns customers and all that they are one with. Nil is just themselves.
	Family func(ctx context.Context, brand string, ids []string) ([]string, error)

	// Before notes what must be known of a customer whose rows are about to go. It may be
	// nil.
	Before func(tx *sqldb.Tx, brand, id string) error

	// Records calls send with each record of a customer.
	Records func(ctx context.Context, brand, id string, send Send) error

	alarm worker.Alarm // rings when retention is due
}

// Send takes one record of a kind.
type Send func(kind string, record proto.Message) error

// PlanErasure implements PrivacyService.
func (s *Server) PlanErasure(ctx context.Context, req *typev1.PlanErasureRequest) (*typev1.PlanErasureResponse, error) {
	brand, ids := name.Brand(req.GetParent()), make([]string, 0, len(req.GetCustomers()))
	for _, n := range req.GetCustomers() {
		ids = append(ids, name.ID(n))
	}
	if s.Family != nil {
		var err error
		if ids, err = s.Family(ctx, brand, ids); err != nil {
			return nil, err
		}
	}
	answer := &typev1.PlanErasureResponse{}
	var sum tally
	for _, id := range ids {
		answer.Customers = append(answer.Customers, name.Join("brands", brand, "customers", id))
		if err := s.count(ctx, &sum, subject{brand: brand, customer: s.refer(id)}, req.GetAnonymize()); err != nil {
			return nil, err
		}
	}
	answer.Counts = sum.counts
	return answer, nil
}

// EraseCustomer implements PrivacyService.
func (s *Server) EraseCustomer(ctx context.Context, req *typev1.EraseCustomerRequest) (*typev1.EraseCustomerResponse, error) {
	brand := name.Brand(req.GetParent())
	first := proto.CloneOf(req)
	first.Token = "" // the calls that go on with one are repeats of it
	answer, err := once.Do(ctx, s.DB, brand, first, func(tx *sqldb.Tx) (*typev1.EraseCustomerResponse, error) {
		var sum tally
		for _, one := range req.GetSubjects() {
			id := name.ID(one.GetCustomer())
			s.Tombstones.bury(tx, brand, id)
			if s.Before != nil {
				if err := s.Before(tx, brand, id); err != nil {
					return nil, err
				}
			}
			who := subject{brand: brand, customer: s.refer(id), pseudonym: s.refer(one.GetPseudonym())}
			if err := s.erase(tx, &sum, who, req.GetAnonymize()); err != nil {
				return nil, err
			}
		}
		return &typev1.EraseCustomerResponse{Counts: sum.counts}, nil
	})
	if err != nil || req.GetValidateOnly() {
		return answer, err
	}
	names, err := s.names(ctx, brand, req.GetSubjects())
	if err != nil {
		return nil, err
	}
	answer.TraceCount, answer.NextToken, err = s.sweep(ctx, brand, names, req.GetToken())
	if err != nil || answer.GetNextToken() != "" {
		return answer, err
	}
	return answer, s.DB.Scrub(ctx)
}

// ExportCustomer implements PrivacyService.
func (s *Server) ExportCustomer(req *typev1.ExportCustomerRequest, stream grpc.ServerStreamingServer[typev1.ExportCustomerResponse]) error {
	for _, n := range req.GetCustomers() {
		err := s.Records(stream.Context(), name.Brand(n), name.ID(n), func(kind string, record proto.Message) error {
			text, err := protojson.Marshal(record)
			if err != nil {
				return err
			}
			return stream.Send(&typev1.ExportCustomerResponse{Kind: kind, Json: string(text)})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refer returns what the tables call a customer.
func (s *Server) refer(id string) string {
	if s.Refer == nil {
		return id
	}
	return s.Refer(id)
}

// A tally counts what became of records, by kind, in the order in which they come.
type tally struct{ counts []*typev1.ErasureCount }

func (t *tally) add(kind string, deleted, anonymized int64) {
	if kind == "" || deleted+anonymized == 0 {
		return
	}
	for _, c := range t.counts {
		if c.GetKind() == kind {
			c.DeletedCount += deleted
			c.AnonymizedCount += anonymized
			return
		}
	}
	t.counts = append(t.counts, &typev1.ErasureCount{Kind: kind, DeletedCount: deleted, AnonymizedCount: anonymized})
}

// fill replaces the words in braces by placeholders, numbered in the order in which they
// first come, and returns their values with the text. Braces with nothing in them stay.
func fill(text string, values map[string]any) (string, []any) {
	var (
		out    strings.Builder
		args   []any
		number = map[string]int{}
	)
	for {
		before, rest, found := strings.Cut(text, "{")
		out.WriteString(before)
		if !found {
			return out.String(), args
		}
		word, after, _ := strings.Cut(rest, "}")
		if text = after; word == "" {
			out.WriteString("{}")
			continue
		}
		if number[word] == 0 {
			args = append(args, values[word])
			number[word] = len(args)
		}
		out.WriteString(placeholder(number[word]))
	}
}

// sweepFor is how long one call looks for traces.
const sweepFor = 5 * time.Second
