package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/intake"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// What an import writes in one transaction, and the longest name that it speaks of.
const (
	chunkRows = 200
	maxName   = len("brands//responses/") + 2*63
)

// ImportResponses implements ResponseService. What is stored stays when the call fails
// later on: send the rest again, the rows that are there change nothing.
func (s *Server) ImportResponses(stream grpc.ClientStreamingServer[surveyv1.ImportResponsesRequest, surveyv1.ImportResponsesResponse]) error {
	in := importing{server: s, answer: &surveyv1.ImportResponsesResponse{}}
	if err := intake.Each(stream, "response", in.take); err != nil {
		return err
	}
	if err := in.flush(stream.Context()); err != nil {
		return err
	}
	return stream.SendAndClose(in.answer)
}

// An importing is one call of ImportResponses.
type importing struct {
	server *Server
	first  *surveyv1.ImportResponsesRequest // whose parent and validate_only hold for all
	chunk  []imported
	answer *surveyv1.ImportResponsesResponse
	told   intake.Told
}

// An imported response is one row.
type imported struct {
	batched
	index int64
	name  string
}

// take adds a row to the chunk, which it flushes when it is full.
func (in *importing) take(ctx context.Context, index int64, row *surveyv1.ImportResponsesRequest) error {
	if index == 0 {
		in.first = row
	}
	one := imported{index: index, name: responseName(name.ID(row.GetParent()), row.GetResponseId())}
	if one.err = in.server.Validator.Message(row); one.err == nil {
		one.submission, one.err = in.server.past(ctx, row)
	}
	if one.err != nil && !ofItem(one.err) {
		return one.err
	}
	if in.chunk = append(in.chunk, one); len(in.chunk) < chunkRows {
		return nil
	}
	return in.flush(ctx)
}

// past makes a response of a row that keeps its contract.
func (s *Server) past(ctx context.Context, row *surveyv1.ImportResponsesRequest) (submission, error) {
	b := submission{server: s, chosen: true, imported: true}
	if row.GetResponse().GetSubmitTime() == nil {
		return b, fault.Invalid(fault.Field{Path: "response.submit_time", Reason: "required", Description: "must be set"})
	}
	sum, err := digest(row)
	if err != nil {
		return b, err
	}
	err = b.prepare(ctx, &surveyv1.SubmitResponseRequest{
		Parent: row.GetParent(), ResponseId: row.GetResponseId(), Response: row.GetResponse(),
	})
	if b.survey.Anonymous {
		sum = s.sealed(sum)
	}
	b.response.ID, b.response.ImportDigest = row.GetResponseId(), sum // a row that is there may be wrong by now
	return b, err
}

// digest covers what a row says.
func digest(req *surveyv1.ImportResponsesRequest) (string, error) {
	row := proto.CloneOf(req)
	row.ValidateOnly = false
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(row)
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), err
}

// sealed returns a digest that takes the key to make, so that nobody finds the customer
// of an anonymous answer by trying them.
func (s *Server) sealed(digest string) string {
	sum := hmac.New(sha256.New, s.TokenKey)
	sum.Write([]byte(digest))
	return hex.EncodeToString(sum.Sum(nil))
}

// An outcome is what became of a row.
type outcome struct {
	err       error // why it was refused
	unchanged bool
}

// flush stores the chunk and says what became of its rows.
func (in *importing) flush(ctx context.Context) error {
	if len(in.chunk) == 0 {
		return nil
	}
	all := make([]*batched, len(in.chunk))
	for i := range in.chunk {
		all[i] = &in.chunk[i].batched
	}
	if err := in.server.complete(ctx, name.Brand(in.chunk[0].name), all...); err != nil {
		return err
	}
	var done []outcome
	err := intake.Store(ctx, in.server.DB, in.first.GetValidateOnly(), func(tx *sqldb.Tx) (err error) {
		done, err = importChunk(tx, in.chunk)
		return err
	})
	if err != nil {
		return err
	}
	for i, o := range done {
		in.count(&in.chunk[i], o)
	}
	in.chunk = in.chunk[:0]
	return nil
}

// importChunk stores rows. The error is one that no row can help.
func importChunk(tx *sqldb.Tx, chunk []imported) ([]outcome, error) {
	done, items := make([]outcome, len(chunk)), make([]batched, len(chunk))
	for i := range chunk {
		items[i] = chunk[i].batched
	}
	digests, err := chosenIDs(tx, name.Brand(chunk[0].name), items)
	if err != nil {
		return nil, err
	}
	for i := range chunk {
		row := &chunk[i]
		digest, taken := digests[row.response.ID]
		switch {
		case taken && digest == row.response.ImportDigest:
			done[i].unchanged = true
		case row.err != nil:
			done[i].err = row.err
		case taken:
			done[i].err = fault.Exists(row.name)
		default:
			if _, err := row.store(tx); err != nil && !ofItem(err) {
				return nil, err
			} else if done[i].err = err; err == nil {
				digests[row.response.ID] = row.response.ImportDigest
			}
		}
	}
	return done, nil
}

// count adds what became of a row to the answer.
func (in *importing) count(row *imported, o outcome) {
	switch {
	case o.err != nil:
		in.answer.RefusedCount++
	case o.unchanged:
		in.answer.UnchangedCount++
		return
	default:
		in.answer.ImportedCount++
		return
	}
	said := &surveyv1.ImportResponseResult{Index: row.index, Error: intake.Status(o.err)}
	if len(row.name) <= maxName {
		said.Response = row.name
	}
	in.told.Add(said, said.GetError())
	in.answer.Results = append(in.answer.Results, said)
}
