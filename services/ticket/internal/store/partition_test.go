package store

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

func TestInteractionsAreDividedUnderLoad(t *testing.T) {
	all, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	sqldbtest.Divide(t, sqldbtest.Division{
		Schema: "ticket", Migrations: all, Number: "0010", Table: "interaction",
		Fill: `INSERT INTO interaction (brand, ticket, id, kind, direction, actor, agent, team, partner, channel, start_time, end_time,
				text, expectation, attributes, create_time)
			SELECT 'brand-' || i % 5, 't-' || i / 10, 'old-' || i, 1, 1, 3, '', '', '', 1, i, i, 'hello', 0, '{}', i FROM generate_series(1, $1) AS i`,
		Turn:  say,
		Grows: 1,
		Lost: `SELECT i FROM unnest($1::BIGINT[]) AS i
			LEFT JOIN interaction added   ON added.ticket = 't-' || i / 10 AND added.id = 'new-' || i
			LEFT JOIN interaction changed ON changed.ticket = 't-' || i / 10 AND changed.id = 'old-' || i AND changed.text = ''
			WHERE added.id IS NULL OR changed.id IS NULL`,
	})
}

// say adds an interaction, and takes the words of one away.
func say(ctx context.Context, app *sqldb.DB, i int) error {
	brand, ticket := fmt.Sprint("brand-", i%5), fmt.Sprint("t-", i/10)
	return app.Write(sqldb.ForBrand(ctx, brand), func(tx *sqldb.Tx) error {
		if err := Redact(tx, Interaction{Brand: brand, Ticket: ticket, ID: fmt.Sprint("old-", i), RedactTime: noon}); err != nil {
			return err
		}
		return AddInteraction(tx, Interaction{
			Brand: brand, Ticket: ticket, ID: fmt.Sprint("new-", i), Channel: 1, EndTime: noon, CreateTime: noon,
			Act: lifecycle.Interaction{Kind: lifecycle.Message, Direction: lifecycle.Outbound, Actor: lifecycle.Agent, Start: noon},
		}, true)
	})
}
