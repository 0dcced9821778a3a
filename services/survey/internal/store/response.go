package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Response is what one customer answered once. Absent references are empty.
type Response struct {
	Brand, ID  string
	Survey     string
	Subject    int32 // the survey's
	Customer   string
	Invitation string
	SubmitTime time.Time
	CreateTime time.Time
	Attribution
	Attributes map[string]string
	Answers    []Answer // in the order they were given

	State          int32
	SurveyRevision int64
	Language       string
	Duration       time.Duration // 0 for unknown
	Supersedes     string        // the id of the response it replaces; empty for none
	SupersededBy   string        // the id of the response that replaces it; empty for none
	Version        int64
	ImportDigest   string // of the imported row, in hex; empty if it was not imported
}

// The states of a response, as numbered in the contract.
const (
	ResponsePartial    = 1
	ResponseComplete   = 2
	ResponseExcluded   = 3
	ResponseSuperseded = 4
)

// An Attribution says what a response belongs to.
type Attribution struct {
	Ticket, Interaction, Touchpoint string
	Agent, Team, Partner            string
	Channel, Stage, Phase           int32
}

// An Answer is words if Words is not empty, choices if there are Choices, and else a
// rating, or an expectation as the number of the contract.
type Answer struct {
	Question   string
	Kind       int32
	Rating     int32
	Words      string
	Choices    []string // ids, in the order of the question
	Touchpoint string   // empty for none of its own
	Definition string   // the touchpoint definition the question rates
}

// rating returns what the column of ratings holds.
func (a *Answer) rating() any {
	if a.Words != "" || len(a.Choices) > 0 {
		return nil
	}
	return a.Rating
}

// rated reports, as its column does, whether there is a rating among the answers.
func (r *Response) rated() int {
	for i := range r.Answers {
		if r.Answers[i].rating() != nil {
			return 1
		}
	}
	return 0
}

// The columns that every new response fills, and those that few do.
const (
	usualColumns = `brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
	agent, team, partner, channel, stage, phase, attributes, rated, survey_revision`
	otherColumns    = `state, language, duration, draft, supersedes, superseded_by, version, import_digest`
	responseColumns = usualColumns + `, ` + otherColumns

	usualAnswer = `brand, submit_time, response, position, survey, subject, question, kind, rating, words, touchpoint, definition,
	channel, stage, phase, partner, team, agent`
	answerColumns = usualAnswer + `, choices, language`
)

var (
	insertUsual    = `INSERT INTO response (` + usualColumns + `) VALUES ` + sqldb.Values(1, 20)
	insertResponse = `INSERT INTO response (` + responseColumns + `) VALUES ` + sqldb.Values(1, 28)
	insertUsually  = usually()
	insertAnswer   = `INSERT INTO answer (` + answerColumns + `) VALUES ` + sqldb.Values(1, 20)
)

// usualWidth is how many columns a usual answer fills.
const usualWidth = 18

// usually returns the statements that add usual answers, by their number.
func usually() (statements [9]string) {
	for n := 1; n < len(statements); n++ {
		statements[n] = `INSERT INTO answer (` + usualAnswer + `) VALUES ` + sqldb.Values(n, usualWidth)
	}
	return statements
}

// AddResponse adds r. An id in use, or an invitation that has another response which
// is not superseded, fails the write with a unique error.
func (s *Store) AddResponse(tx *sqldb.Tx, r Response) error {
	usual, other, err := r.fields()
	if err != nil {
		return fmt.Errorf("add response: %w", err)
	}
	if r.usual() {
		tx.Defer(insertUsual, usual...)
	} else {
		tx.Defer(insertResponse, append(usual, other...)...)
	}
	s.addAnswers(tx, &r)
	return nil
}

var updateResponse = `
	UPDATE response SET submit_time = $1, ticket = $2, interaction = $3, touchpoint = $4, agent = $5, team = $6, partner = $7,
	  channel = $8, stage = $9, phase = $10, attributes = $11, rated = $12, state = $13, language = $14, duration = $15, draft = $16,
	  version = $17
	WHERE brand = $18 AND id = $19`

// UpdatePartial writes what became of a partial response, which the transaction keeps
// from others by the lock on its invitation.
func (s *Store) UpdatePartial(tx *sqldb.Tx, r Response) error {
	usual, other, err := r.fields()
	if err != nil {
		return fmt.Errorf("update response: %w", err)
	}
	args := append([]any{usual[6]}, usual[8:19]...)
	args = append(args, other[:4]...)
	tx.Defer(updateResponse, append(args, r.Version, r.Brand, r.ID)...)
	s.addAnswers(tx, &r)
	return nil
}

// usual reports whether the columns that few responses fill have their defaults.
func (r *Response) usual() bool {
	return r.State == ResponseComplete && r.Version == 1 && r.Language == "" && r.Duration == 0 && r.Supersedes == "" &&
		r.SupersededBy == "" && r.ImportDigest == ""
}

// fields returns what the usual and the other columns hold.
func (r *Response) fields() (usual, other []any, err error) {
	attributes, err := table.Words{Of: &r.Attributes}.Value()
	if err != nil {
		return nil, nil, err
	}
	usual = append(make([]any, 0, 28), r.Brand, r.ID, r.Survey, r.Subject, null(r.Customer), null(r.Invitation),
		sqldb.Micros(r.SubmitTime), sqldb.Micros(r.CreateTime), r.Ticket, r.Interaction, r.Touchpoint, r.Agent, r.Team, r.Partner,
		r.Channel, r.Stage, r.Phase, attributes, r.rated(), r.SurveyRevision)
	draft := ""
	if r.State == ResponsePartial {
		text, err := json.Marshal(r.Answers)
		if err != nil {
			return nil, nil, err
		}
		draft = string(text)
	}
	return usual, []any{
		r.State, r.Language, r.Duration.Microseconds(), draft, r.Supersedes, r.SupersededBy, r.Version, r.ImportDigest,
	}, nil
}

// addAnswers adds the answers of r unless they only are a draft: on SQLite those that are
// usual in one statement. On PostgreSQL the lane makes one of those of several responses.
func (s *Store) addAnswers(tx *sqldb.Tx, r *Response) {
	if r.State == ResponsePartial {
		return
	}
	all := make([]any, 0, len(r.Answers)*usualWidth+2)
	for i := range r.Answers {
		a, before := &r.Answers[i], len(all)
		choices := ""
		if len(a.Choices) > 0 {
			text, _ := json.Marshal(a.Choices) // of strings, which cannot fail
			choices = string(text)
		}
		all = append(all, r.Brand, sqldb.Micros(r.SubmitTime), r.ID, i, r.Survey, r.Subject, a.Question, a.Kind, a.rating(),
			null(a.Words), a.Touchpoint, a.Definition, r.Channel, r.Stage, r.Phase, r.Partner, r.Team, r.Agent)
		if choices != "" || r.Language != "" {
			tx.Defer(insertAnswer, append(all[before:], choices, r.Language)...)
			all = all[:before:before]
		}
	}
	most := len(insertUsually) - 1
	if s.db.Postgres() {
		most = 1
	}
	for len(all) > 0 {
		n := min(len(all)/usualWidth, most)
		tx.Defer(insertUsually[n], all[:n*usualWidth:n*usualWidth]...)
		all = all[n*usualWidth:]
	}
}

// MoveResponse writes the state, the version and what supersedes r, which the
// transaction has locked. Its answers are measured only in the state complete.
func (s *Store) MoveResponse(tx *sqldb.Tx, r Response) {
	tx.Defer(`UPDATE response SET state = $1, superseded_by = $2, version = $3 WHERE brand = $4 AND id = $5`,
		r.State, r.SupersededBy, r.Version, r.Brand, r.ID)
	counted := 0
	if r.State == ResponseComplete {
		counted = 1
	}
	tx.Defer(`UPDATE answer SET counted = $1 WHERE brand = $2 AND submit_time = $3 AND response = $4`,
		counted, r.Brand, sqldb.Micros(r.SubmitTime), r.ID)
}
