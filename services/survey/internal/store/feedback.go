package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Feedback is what somebody said by themselves. Enums are the numbers of the
// contract.
type Feedback struct {
	table.Record
	Source, Solicitation int32
	EventTime            time.Time
	Customer             string // `customers/ann`; empty if nobody knows
	Ticket, Touchpoint   string // empty for none
	Rating               *int32 // on Scale
	Scale                FeedbackScale
	Reaction             int32
	Language             string // a BCP 47 tag; empty without words
	LanguageGiven        bool   // rather than detected
	Sentiment            Sentiment
	Emotions             []int32
	Reach                *int64
	Cluster              string
	ExternalID           string // empty for none
	URL                  string
	Channel, Stage       int32
	Attributes           map[string]string
	Action               Action
	Words                string
	Digest               string // of what was given
}

// A FeedbackScale is the scale of a rating, zero without one.
type FeedbackScale struct {
	Min, Max int32
	Inverse  bool // a low one is good
}

// A Sentiment is how words sound.
type Sentiment struct {
	Label, Analyzed   int32    // the one that counts, and the analyzer's; 0 is none
	Compound          *float64 // of the analyzer
	Analyzer, Version string
	Override          Override
}

// An Override is a person's reading of a sentiment. Its label is 0 where there is none.
type Override struct {
	Label     int32
	Reason    string
	Principal string
	Time      time.Time
}

// An Action is what somebody undertakes about a feedback. Its owner is 0 where nobody
// does.
type Action struct {
	Owner                    int32
	Assignee                 string
	Status, Outcome          int32
	Note                     string
	Due, Assigned, Completed time.Time // zero for none
}

// FeedbackTable is where feedback is.
var FeedbackTable = table.Table[Feedback]{
	Name: "feedback",
	Columns: []string{
		"source", "solicitation", "event_time", "customer", "rating", "rating_min", "rating_max", "rating_inverse", "reaction",
		"language", "language_given", "compound", "label", "analyzed_label", "analyzer", "analyzer_version",
		"override_label", "override_reason", "override_by", "override_time", "emotions", "public_reach", "cluster", "ticket",
		"touchpoint", "external_id", "url", "channel", "stage", "attributes", "action_owner", "action_assignee", "action_status",
		"action_outcome", "action_note", "action_due", "action_assigned", "action_completed", "words", "digest", "measured", "score",
	},
	Fields: func(f *Feedback) []any {
		s, a := &f.Sentiment, &f.Action
		return []any{
			&f.Source, &f.Solicitation,
			table.Micros{Of: &f.EventTime},
			&f.Customer, &f.Rating, &f.Scale.Min, &f.Scale.Max,
			table.Flag{Of: &f.Scale.Inverse},
			&f.Reaction,
			&f.Language,
			table.Flag{Of: &f.LanguageGiven},
			&s.Compound, &s.Label, &s.Analyzed, &s.Analyzer, &s.Version,
			&s.Override.Label, &s.Override.Reason, &s.Override.Principal,
			table.Moment{Of: &s.Override.Time},
			table.Array[int32]{Of: &f.Emotions},
			&f.Reach, &f.Cluster, &f.Ticket,
			&f.Touchpoint,
			optional{&f.ExternalID},
			&f.URL, &f.Channel, &f.Stage,
			table.Words{Of: &f.Attributes},
			&a.Owner, &a.Assignee,
			&a.Status, &a.Outcome, &a.Note,
			table.Moment{Of: &a.Due},
			table.Moment{Of: &a.Assigned},
			table.Moment{Of: &a.Completed},
			&f.Words, &f.Digest,
			measuredColumn{f},
			scoreColumn{f},
		}
	},
	Head: func(f *Feedback) *table.Record { return &f.Record },
}

// optional is a text in a column that is NULL for none.
type optional struct{ of *string }

// Scan implements [database/sql.Scanner].
func (o optional) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		*o.of = ""
	case string:
		*o.of = v
	default:
		return fmt.Errorf("a text column holds a %T", column)
	}
	return nil
}

// Value implements [driver.Valuer].
func (o optional) Value() (driver.Value, error) { return null(*o.of), nil }

// InsertFeedback adds f, whose id and external id are free, or fails the write with a
// unique error.
func InsertFeedback(tx *sqldb.Tx, f Feedback) {
	args := append([]any{f.Brand, f.ID, sqldb.Micros(f.CreateTime), sqldb.Micros(f.UpdateTime), f.Version}, FeedbackTable.Fields(&f)...)
	tx.Defer(insertFeedback, args...)
}

var insertFeedback = `INSERT INTO feedback (` + FeedbackTable.Read() + `) VALUES ` + sqldb.Values(1, 5+len(FeedbackTable.Columns))

// A FeedbackKey is what tells one feedback from all others.
type FeedbackKey struct {
	ID         string
	Source     int32
	ExternalID string // empty for none
	Digest     string
}

// FeedbackByKey returns what is there of a brand under any of the ids, or of the external
// ids by source; twice what is there under both.
func FeedbackByKey(tx *sqldb.Tx, brand string, ids []string, external map[int32][]string) ([]FeedbackKey, error) {
	var q sqldb.Query
	const keys = `SELECT id, source, external_id, digest FROM feedback WHERE brand = ?`
	if len(ids) > 0 {
		q.Add(keys, brand)
		sqldb.In(&q, `id`, ids)
	}
	for _, source := range slices.Sorted(maps.Keys(external)) {
		if q.Len() > 0 {
			q.WriteString(` UNION ALL `)
		}
		q.Add(keys+` AND source = ? AND external_id IS NOT NULL`, brand, source)
		sqldb.In(&q, `external_id`, external[source])
	}
	if q.Len() == 0 {
		return nil, nil
	}
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (k FeedbackKey, err error) {
		err = scan(&k.ID, &k.Source, optional{&k.ExternalID}, &k.Digest)
		return k, err
	})
}

// ErrExternalID says that the source has used the external id of a feedback.
var ErrExternalID = errors.New("the external id is taken")

// AddFeedback adds f and returns it. Where its id is taken it returns
// [table.ErrExists], and where its external id is [ErrExternalID] and the id of the
// feedback that has it.
func AddFeedback(tx *sqldb.Tx, f Feedback) (Feedback, string, error) {
	added, err := FeedbackTable.Add(tx, f)
	if !errors.Is(err, table.ErrExists) || f.ExternalID == "" {
		return added, "", err
	}
	found, e := FeedbackByKey(tx, f.Brand, []string{f.ID}, map[int32][]string{f.Source: {f.ExternalID}})
	if e != nil {
		return f, "", e
	}
	taken := ""
	for _, k := range found {
		if k.ID == f.ID {
			return f, "", table.ErrExists
		}
		taken = k.ID
	}
	return f, taken, ErrExternalID
}
