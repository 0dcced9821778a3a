package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// What an import of customers takes in one call and writes in one transaction, and how
// much it says in detail.
const (
	maxImported       = 10_000
	customersChunk    = 200
	customersDetailed = 2 << 20 // bytes; then only the code
)

// ImportCustomers implements CustomerService. What is stored stays when the call fails
// later on.
func (s *Server) ImportCustomers(stream grpc.ClientStreamingServer[journeyv1.ImportCustomersRequest, journeyv1.ImportCustomersResponse]) error {
	in := customerImport{server: s, answer: &journeyv1.ImportCustomersResponse{}}
	for index := 0; ; index++ {
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
	return stream.SendAndClose(in.answer)
}

// A customerImport is one call of ImportCustomers.
type customerImport struct {
	server *Server
	first  *journeyv1.ImportCustomersRequest // whose parent and validate_only hold for all
	chunk  []customerRow
	answer *journeyv1.ImportCustomersResponse
	told   int // the bytes of what answer says about rows that were refused
}

// A customerRow is one row of an import.
type customerRow struct {
	*journeyv1.ImportCustomersRequest
	claims []claim
	words  []store.Consent
	err    error // why it is refused
}

// take adds a row to the chunk, which it flushes when it is full.
func (in *customerImport) take(ctx context.Context, index int, req *journeyv1.ImportCustomersRequest) error {
	if index == 0 {
		in.first = req
	}
	switch {
	case index == maxImported:
		return fault.Invalid(fault.Field{Path: "customer", Reason: "import.rows", Description: "must be at most 10000 in one call"})
	case req.GetParent() != in.first.GetParent():
		return fault.Invalid(fault.Field{Path: "parent", Reason: "import.parent", Description: "must be the same in every message"})
	case req.GetValidateOnly() != in.first.GetValidateOnly():
		return fault.Invalid(fault.Field{Path: "validate_only", Reason: "import.validate_only", Description: "must be the same in every message"})
	}
	row := customerRow{ImportCustomersRequest: req}
	row.err = in.server.readRow(&row)
	if in.chunk = append(in.chunk, row); len(in.chunk) < customersChunk {
		return nil
	}
	return in.flush(ctx)
}

// readRow reads what a row says, or says what is wrong with it.
func (s *Server) readRow(row *customerRow) error {
	err := s.validator.Message(row.ImportCustomersRequest)
	if err != nil {
		return err
	}
	for i, c := range row.GetConsents() {
		if c.GetChangeTime() == nil {
			return fault.Invalid(fault.Field{Path: fmt.Sprintf("consents[%d].change_time", i), Reason: "required", Description: "must be set"})
		}
	}
	if row.words, err = s.words(row.GetConsents()); err != nil {
		return err
	}
	row.claims, err = s.claims(name.Brand(row.GetParent()), row.GetIdentities())
	row.claims = slices.DeleteFunc(row.claims, func(c claim) bool { return c.Shared() })
	if err == nil && row.GetCustomerId() == "" && len(row.claims) == 0 {
		err = fault.Invalid(fault.Field{
			Path: "customer_id", Reason: "required", Description: "must be set where no identity tells whose the row is",
		})
	}
	return err
}

// flush stores the chunk and says what became of its rows.
func (in *customerImport) flush(ctx context.Context) error {
	if len(in.chunk) == 0 {
		return nil
	}
	do := in.server.db.Write
	if in.first.GetValidateOnly() {
		do = in.server.db.Try
	}
	var results []*journeyv1.ImportCustomersResult
	err := do(ctx, func(tx *sqldb.Tx) (err error) {
		results, err = in.server.importRows(ctx, tx, name.Brand(in.first.GetParent()), in.chunk)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range results {
		in.count(r)
	}
	in.chunk = nil
	return nil
}

// count adds r to the answer.
func (in *customerImport) count(r *journeyv1.ImportCustomersResult) {
	switch r.GetOutcome() {
	case journeyv1.ImportCustomersResult_OUTCOME_CREATED:
		in.answer.CreatedCount++
	case journeyv1.ImportCustomersResult_OUTCOME_UPDATED:
		in.answer.UpdatedCount++
	case journeyv1.ImportCustomersResult_OUTCOME_UNCHANGED:
		in.answer.UnchangedCount++
	default:
		in.answer.RefusedCount++
		if in.told > customersDetailed {
			r.Error.Message, r.Error.Details = "", nil
		}
		in.told += proto.Size(r)
	}
	in.answer.Results = append(in.answer.Results, r)
}

// importRows stores rows. The error is one that no row can help.
func (s *Server) importRows(
	ctx context.Context, tx *sqldb.Tx, brand string, rows []customerRow,
) ([]*journeyv1.ImportCustomersResult, error) {
	var all []string
	for _, row := range rows {
		all = append(all, hashes(row.claims)...)
	}
	r, err := s.resolver(ctx, tx, brand, all)
	if err != nil {
		return nil, err
	}
	results := make([]*journeyv1.ImportCustomersResult, len(rows))
	for i, row := range rows {
		n, outcome, err := "", journeyv1.ImportCustomersResult_OUTCOME_REFUSED, row.err
		if err == nil {
			n, outcome, err = r.adopt(row)
		}
		results[i] = &journeyv1.ImportCustomersResult{Outcome: outcome, Customer: n}
		if err != nil && !itemsFault(err) {
			return nil, err
		}
		if err != nil {
			results[i] = &journeyv1.ImportCustomersResult{
				Outcome: journeyv1.ImportCustomersResult_OUTCOME_REFUSED, Error: status.Convert(err).Proto(),
			}
		}
	}
	return results, nil
}

// adopt stores one row and says of whom it was and what became of it. A refusal leaves
// nothing behind.
func (r *resolver) adopt(row customerRow) (n string, outcome journeyv1.ImportCustomersResult_Outcome, err error) {
	c, err := r.subject(row)
	if err != nil {
		return "", 0, err
	}
	for _, claim := range row.claims {
		if err := mine(&c, claim, r.held); err != nil {
			return "", 0, err
		}
	}
	created := c.Anonymous || c.Version == 0
	changed, err := r.replace(&c, row)
	if err != nil {
		return "", 0, err
	}
	_, linked, err := r.linkAll(r.tx, &c, row.claims, r.held)
	if err != nil {
		return "", 0, err
	}
	said := false
	if len(row.words) > 0 {
		if said, err = r.consent(r.tx, &c, row.words); err != nil {
			return "", 0, err
		}
	}
	n = customerName(r.brand, c.ID)
	c.Anonymous = false
	switch {
	case created:
		outcome = journeyv1.ImportCustomersResult_OUTCOME_CREATED
	case changed || linked || said:
		outcome = journeyv1.ImportCustomersResult_OUTCOME_UPDATED
	default:
		return n, journeyv1.ImportCustomersResult_OUTCOME_UNCHANGED, nil
	}
	_, err = r.save(r.tx, c)
	return n, outcome, err
}

// subject returns whom a row is about, who may be new.
func (r *resolver) subject(row customerRow) (store.Customer, error) {
	id := row.GetCustomerId()
	if id == "" {
		root, err := r.root(row.claims)
		if err != nil {
			return store.Customer{}, err
		}
		if root == "" {
			return store.Customer{Record: table.Record{Brand: r.brand, ID: name.NewID()}, Anonymous: true}, nil
		}
		id = root
	}
	c, err := r.find(r.ctx, r.tx, r.brand, id)
	if errors.Is(err, table.ErrNotFound) {
		return store.Customer{Record: table.Record{Brand: r.brand, ID: id}, Anonymous: true}, r.tombstones.Refuse(r.brand, id)
	}
	if err == nil {
		err = deleted(c)
	}
	return c, err
}

// replace gives c what a row says and reports whether that is another thing than before.
func (r *resolver) replace(c *store.Customer, row customerRow) (bool, error) {
	before := toCustomer(*c)
	if err := r.open(before); err != nil {
		return false, err
	}
	after, in := proto.CloneOf(before), row.GetCustomer()
	if in.GetDisplayName() != "" {
		after.DisplayName = in.GetDisplayName()
	}
	if len(in.GetSegments()) > 0 {
		after.Segments = in.GetSegments()
	}
	if in.GetPersona() != "" {
		after.Persona = in.GetPersona()
	}
	if len(in.GetCustom()) > 0 {
		after.Custom = in.GetCustom()
	}
	sealed := c.Sealed
	if err := r.describe(c, after); err != nil {
		return false, err
	}
	now := toCustomer(*c)
	if err := r.open(now); err != nil {
		return false, err
	}
	if now.GetDisplayName() == before.GetDisplayName() && maps.Equal(now.GetCustom(), before.GetCustom()) {
		c.Sealed = sealed
	}
	return c.Sealed != sealed || !slices.Equal(now.GetSegments(), before.GetSegments()) || now.GetPersona() != before.GetPersona(), nil
}
