package store

import (
	"context"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A revision names one of a survey. A survey that is deleted and made again is not
// the same one.
type revision struct {
	resource
	created int64
	number  int64
}

const revisionColumns = `revision, questions, language, introduction, thanks`

// said returns what the columns of a revision hold.
func (v *Survey) said() []any {
	return []any{
		&v.Revision, table.Array[Question]{Of: &v.Questions}, &v.Language, table.Document[Wording]{Of: &v.Introduction}, table.Document[Wording]{Of: &v.Thanks},
	}
}

// AddRevision keeps what v asks as the revision that v says, unless that is kept
// already.
func AddRevision(tx *sqldb.Tx, v Survey) {
	args := append([]any{v.Brand, v.ID, sqldb.Micros(v.UpdateTime)}, v.said()...)
	tx.Defer(`
		INSERT INTO survey_revision (brand, survey, create_time, `+revisionColumns+`) VALUES `+sqldb.Values(1, len(args))+`
		ON CONFLICT DO NOTHING`, args...)
}

// DeleteRevisions removes the revisions of a survey.
func DeleteRevisions(tx *sqldb.Tx, brand, survey string) {
	tx.Defer(`DELETE FROM survey_revision WHERE brand = $1 AND survey = $2`, brand, survey)
}

// SurveyRevision returns a survey with what it asked in one of its revisions, or
// [ErrNotFound]. It is shared and as fresh as that of [Store.Survey].
func (s *Store) SurveyRevision(ctx context.Context, brand, id string, number int64) (Survey, error) {
	return s.surveyRevision(resource{brand, id}, number, outside(ctx, s.db))
}

// SurveyRevisionIn is [Store.SurveyRevision] within a transaction.
func (s *Store) SurveyRevisionIn(tx *sqldb.Tx, brand, id string, number int64) (Survey, error) {
	return s.surveyRevision(resource{brand, id}, number, within(tx))
}

func (s *Store) surveyRevision(of resource, number int64, r reader) (Survey, error) {
	v, err := s.survey(of, r)
	if err != nil || v.Revision == number {
		return v, err
	}
	key := revision{of, sqldb.Micros(v.CreateTime), number}
	asked, edition, ok := s.revisions.find(key, 1<<62) // they never change
	if !ok {
		at := time.Now()
		found, err := revisions(r, v, ` AND revision = $3`, number)
		if err != nil {
			return Survey{}, err
		}
		if len(found) == 0 {
			return Survey{}, ErrNotFound
		}
		asked = found[0]
		r.after(func() { s.revisions.keep(key, asked, edition, at) })
	}
	v.Revision, v.Questions, v.Language, v.Introduction, v.Thanks = asked.Revision, asked.Questions, asked.Language, asked.Introduction, asked.Thanks
	return v, nil
}

// RevisionsBefore returns at most limit revisions of v that came before the one of
// that number, newest first.
func (s *Store) RevisionsBefore(ctx context.Context, v Survey, number int64, limit int) ([]Survey, error) {
	return revisions(outside(ctx, s.db), v, ` AND revision < $3 ORDER BY revision DESC LIMIT $4`, number, limit)
}

// Revisions returns all the revisions of v that are kept.
func Revisions(tx *sqldb.Tx, v Survey) ([]Survey, error) { return revisions(within(tx), v, ``) }

// revisions returns v as it was in the revisions that the clauses pick.
func revisions(r reader, v Survey, clauses string, args ...any) ([]Survey, error) {
	rows, err := r.query(`SELECT `+revisionColumns+` FROM survey_revision WHERE brand = $1 AND survey = $2`+clauses,
		append([]any{v.Brand, v.ID}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	found, err := table.All(rows, func(scan func(...any) error) (Survey, error) {
		one := v
		err := scan(one.said()...)
		return one, err
	})
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", sqldb.Fault(err))
	}
	return found, nil
}
