package store

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestResponsesAreDividedWhileTheyAreSuperseded(t *testing.T) {
	all, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	sqldbtest.Divide(t, sqldbtest.Division{
		Schema: "survey", Migrations: all, Number: "0010", Table: "response",
		Fill: `WITH r AS (INSERT INTO response (brand, id, survey, subject, invitation, submit_time, create_time, ticket, interaction, touchpoint,
				agent, team, partner, channel, stage, phase, attributes, rated)
			SELECT 'brand-' || i % 5, 'old-' || i, 'csat', 1, 'v-' || i, i, i, '', '', '', '', '', '', 1, 1, 1, '{}', 1 FROM generate_series(1, $1) AS i
			RETURNING brand, id, submit_time)
			INSERT INTO answer (brand, submit_time, response, position, survey, subject, question, kind, rating, touchpoint, definition,
				channel, stage, phase, partner, team, agent)
			SELECT brand, submit_time, id, 0, 'csat', 1, 'q', 1, 4, '', '', 1, 1, 1, '', '', '' FROM r`,
		Turn:  supersede,
		Grows: 2,
		Lost: `SELECT i FROM unnest($1::BIGINT[]) AS i
			LEFT JOIN response old   ON old.id = 'old-' || i AND old.state = 4 AND old.superseded_by = 'new-' || i
			LEFT JOIN response new   ON new.id = 'new-' || i AND new.state = 2 AND new.invitation = 'v-' || i
			LEFT JOIN response plain ON plain.id = 'plain-' || i
			LEFT JOIN answer gone    ON gone.response = old.id AND gone.counted = 0
			LEFT JOIN answer counts  ON counts.response = new.id AND counts.counted = 1
			WHERE old.id IS NULL OR new.id IS NULL OR plain.id IS NULL OR gone.response IS NULL OR counts.response IS NULL`,
	})
}

// supersede puts another response in the place of one, under the same invitation, and adds
// one that has none.
func supersede(ctx context.Context, app *sqldb.DB, i int) error {
	s, brand := &Store{db: app}, fmt.Sprint("brand-", i%5)
	return app.Write(sqldb.ForBrand(ctx, brand), func(tx *sqldb.Tx) error {
		old, err := s.LockResponse(tx, brand, fmt.Sprint("old-", i))
		if err != nil {
			return err
		}
		r, plain := old, old
		r.ID, r.Supersedes = fmt.Sprint("new-", i), old.ID
		r.Answers = []Answer{{Question: "q", Kind: 1, Rating: 2}}
		plain.ID, plain.Invitation = fmt.Sprint("plain-", i), ""
		old.State, old.SupersededBy, old.Version = ResponseSuperseded, r.ID, old.Version+1
		s.MoveResponse(tx, old)
		if err := s.AddResponse(tx, r); err != nil {
			return err
		}
		return s.AddResponse(tx, plain)
	})
}
