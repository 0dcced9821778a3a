package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// surveyActive is the state of a survey that takes answers, as numbered in the contract.
const surveyActive int32 = 2

// A Survey is a set of questions. Enums are the numbers of the contract.
type Survey struct {
	table.Record
	DisplayName     string
	Subject         int32
	Scope           int32
	Questions       []Question
	SamplingRate    float64
	QuietPeriod     time.Duration // whole microseconds
	Channels        []int32       // empty for all
	State           int32
	Revision        int64 // of Questions, Language, Introduction and Thanks
	Audience        int32
	Anonymous       bool
	ExpireAfter     time.Duration // whole microseconds
	CloseTime       time.Time     // zero for never
	Language        string
	Introduction    Wording
	Thanks          Wording
	ConsentRequired bool
}

// TakesAnswers reports whether the survey is active and, at that time, not closed.
func (v Survey) TakesAnswers(at time.Time) bool {
	return v.State == surveyActive && (v.CloseTime.IsZero() || at.Before(v.CloseTime))
}

// A Wording is something said, in the language of the survey and in others.
type Wording struct {
	Text         string            `json:"text,omitempty"`
	Translations map[string]string `json:"translations,omitempty"`
}

// A Question is one row of a survey's list.
type Question struct {
	ID         string `json:"id"`
	Kind       int32  `json:"kind"`
	Text       string `json:"text"`
	Required   bool   `json:"required,omitempty"`
	Definition string `json:"definition,omitempty"` // the touchpoint definition it rates

	Translations map[string]string `json:"translations,omitempty"`
	Choices      []Choice          `json:"choices,omitempty"`
	Branches     []Branch          `json:"branches,omitempty"`
}

// A Choice is one of the answers offered.
type Choice struct {
	ID           string            `json:"id"`
	Text         string            `json:"text"`
	Translations map[string]string `json:"translations,omitempty"`
}

// A Branch says what is asked next.
type Branch struct {
	Min         *int32   `json:"min,omitempty"`
	Max         *int32   `json:"max,omitempty"`
	Choices     []string `json:"choices,omitempty"`
	Expectation int32    `json:"expectation,omitempty"`
	Question    string   `json:"question,omitempty"` // empty for the end
}

// Surveys keeps the surveys. Who writes one calls [Store.ForgetSurveys].
var Surveys = &table.Table[Survey]{
	Name: "survey",
	Columns: []string{
		"display_name", "subject", "scope", "questions", "sampling_rate", "quiet_period", "channels", "state", "revision", "audience",
		"anonymous", "expire_after", "close_time", "language", "introduction", "thanks", "consent_required",
	},
	Fields: func(v *Survey) []any {
		return []any{
			&v.DisplayName, &v.Subject, &v.Scope,
			table.Array[Question]{Of: &v.Questions},
			&v.SamplingRate,
			table.Span{Of: &v.QuietPeriod},
			numbers{table.Array[int32]{Of: &v.Channels}},
			&v.State, &v.Revision, &v.Audience,
			table.Flag{Of: &v.Anonymous},
			table.Span{Of: &v.ExpireAfter},
			table.Moment{Of: &v.CloseTime},
			&v.Language,
			table.Document[Wording]{Of: &v.Introduction},
			table.Document[Wording]{Of: &v.Thanks},
			table.Flag{Of: &v.ConsentRequired},
		}
	},
	Head: func(v *Survey) *table.Record { return &v.Record },
}

// A resource is the name of one, in a key.
type resource struct{ brand, id string }

// Survey returns a survey or [ErrNotFound]. The caller must not change it: it is
// shared. What this process has changed is seen at once, what another has within a
// second.
func (s *Store) Survey(ctx context.Context, brand, id string) (Survey, error) {
	return s.survey(resource{brand, id}, outside(ctx, s.db))
}

// SurveyIn is [Store.Survey] within a transaction.
func (s *Store) SurveyIn(tx *sqldb.Tx, brand, id string) (Survey, error) {
	return s.survey(resource{brand, id}, within(tx))
}

func (s *Store) survey(key resource, r reader) (Survey, error) {
	known, edition, ok := s.surveys.find(key, fresh)
	if ok {
		return known, nil
	}
	at := time.Now()
	v, err := readSurvey(key, r)
	if err != nil {
		return Survey{}, err
	}
	r.after(func() { s.surveys.keep(key, v, edition, at) })
	return v, nil
}

// SurveyNow is [Store.Survey] with what others have just changed.
func (s *Store) SurveyNow(ctx context.Context, brand, id string) (Survey, error) {
	return readSurvey(resource{brand, id}, outside(ctx, s.db))
}

func readSurvey(key resource, r reader) (Survey, error) {
	found, err := read(r, Surveys, ` WHERE brand = $1 AND id = $2`, key.brand, key.id)
	if err != nil {
		return Survey{}, err
	}
	if len(found) == 0 {
		return Survey{}, ErrNotFound
	}
	return found[0], nil
}

// ForgetSurveys makes the surveys be read anew once tx, which writes one, is
// committed.
func (s *Store) ForgetSurveys(tx *sqldb.Tx) { tx.AfterCommit(s.surveys.forget) }

// SurveyInUse reports whether a survey has invitations, responses or trigger rules.
func SurveyInUse(tx *sqldb.Tx, brand, id string) (used bool, err error) {
	err = tx.QueryRow(`
		SELECT EXISTS (SELECT 1 FROM invitation WHERE brand = $1 AND survey = $2)
		    OR EXISTS (SELECT 1 FROM response WHERE brand = $1 AND survey = $2)
		    OR EXISTS (SELECT 1 FROM trigger_rule WHERE brand = $1 AND survey = $2)`, brand, id).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for uses of a survey: %w", err)
	}
	return used, nil
}

// numbers is an array that earlier versions read too: `[]` for none.
type numbers struct{ table.Array[int32] }

// Value implements [driver.Valuer].
func (n numbers) Value() (driver.Value, error) {
	if len(*n.Of) == 0 {
		return "[]", nil
	}
	return n.Array.Value()
}

// A reader reads in a transaction or outside of one.
type reader struct {
	query func(text string, args ...any) (*sql.Rows, error)
	after func(func()) // runs its argument once what was read is committed
}

func within(tx *sqldb.Tx) reader { return reader{tx.Query, tx.AfterCommit} }

func outside(ctx context.Context, db *sqldb.DB) reader {
	return reader{
		func(text string, args ...any) (*sql.Rows, error) {
			rows, err := db.Read().QueryContext(ctx, text, args...)
			return rows, sqldb.Fault(err)
		},
		func(f func()) { f() },
	}
}

// read returns the rows of t that the clauses pick.
func read[T any](r reader, t *table.Table[T], clauses string, args ...any) ([]T, error) {
	rows, err := r.query(`SELECT `+t.Read()+` FROM `+t.Name+clauses, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.Name, err)
	}
	found, err := table.All(rows, t.Scan)
	return found, sqldb.Fault(err)
}
