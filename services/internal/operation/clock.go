package operation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// clockEvery is how often the database is asked for its time.
const clockEvery = 10 * time.Second

// A clock tells the time of the database, by which all replicas lease: by its own, one whose
// clock is ahead would keep others from what it had in hand for as long when it died, and take
// from them what they have. It may be used concurrently.
type clock struct {
	local func() time.Time // ours; nil for [resource.Now]

	mu    sync.Mutex
	ahead time.Duration // of the database
	asked time.Time
}

// now returns the time of the database, which is asked for it once in a while. Where it does
// not answer, it is as far ahead as it was.
func (c *clock) now(ctx context.Context, db *sqldb.DB) time.Time {
	if db.Postgres() && c.due() { // SQLite has our clock
		if err := c.ask(ctx, db); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "the database does not tell the time", slog.String("error", err.Error()))
		}
	}
	return c.there(c.here())
}

// due reports whether the database is to be asked.
func (c *clock) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked.IsZero() || time.Since(c.asked) >= clockEvery
}

// ask asks the database, which is taken to answer half way between question and answer.
func (c *clock) ask(ctx context.Context, db *sqldb.DB) error {
	var at int64
	before := c.here()
	err := db.Read().QueryRowContext(ctx, `SELECT CAST(1000000 * EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)`).Scan(&at)
	if err != nil {
		return err
	}
	took := c.here().Sub(before)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.asked = sqldb.Time(at).Sub(before.Add(took/2)), time.Now()
	return nil
}

// there returns a time of ours as the database has it.
func (c *clock) there(at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Add(c.ahead)
}

// until returns how long it is until a time of the database.
func (c *clock) until(at time.Time) time.Duration { return at.Sub(c.there(c.here())) }

// here returns our time.
func (c *clock) here() time.Time {
	if c.local == nil {
		return resource.Now()
	}
	return c.local()
}
