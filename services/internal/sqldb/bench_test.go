package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkInsert writes one row a call from 1 to 256 callers. Its limit, run
// beside it, is a loop of bare transactions on one connection. PostgreSQL's CPU is
// its own and not counted.
func BenchmarkInsert(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name+"/bare", func(b *testing.B) { bare(b, name, url(b)) })
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/c%d", name, callers), func(b *testing.B) {
				db := migrated(b, sqldbtest.Open(b, url(b)))
				var id atomic.Int64
				measure(b, callers, func() error {
					return db.Write(context.Background(), func(tx *sqldb.Tx) error {
						n := id.Add(1)
						tx.Defer(insert, n, rowName(int(n)))
						return nil
					})
				})
			})
		}
	}
}

// BenchmarkCheckedInsert looks for the row first, as a handler does, and needs
// the number of rows that the insert changed.
func BenchmarkCheckedInsert(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/c%d", name, callers), func(b *testing.B) {
				db := migrated(b, sqldbtest.Open(b, url(b)))
				var id atomic.Int64
				measure(b, callers, func() error {
					return db.Write(context.Background(), func(tx *sqldb.Tx) error {
						n := id.Add(1)
						var found int
						if err := tx.QueryRow(`SELECT COUNT(*) FROM item WHERE id = $1`, n).Scan(&found); err != nil {
							return err
						}
						_, err := tx.Exec(insert, n, rowName(int(n)))
						return err
					})
				})
			})
		}
	}
}

// BenchmarkCollisions updates three of 100 rows a call, in any order: the worst
// case for transactions that run side by side.
func BenchmarkCollisions(b *testing.B) {
	db := migrated(b, sqldbtest.Open(b, sqldbtest.DurablePostgres(b)))
	for id := range 100 {
		if err := add(b.Context(), db, id); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Int64
	measure(b, 64, func() error {
		return db.Write(context.Background(), func(tx *sqldb.Tx) error {
			seed := n.Add(1) * 7919
			for i := range int64(3) {
				tx.Defer(`UPDATE item SET n = n + 1 WHERE id = $1`, (seed>>i)%100)
			}
			return nil
		})
	})
}

func bare(b *testing.B, name, url string) {
	migrated(b, sqldbtest.Open(b, url))
	driver := "pgx"
	if name == "sqlite" {
		driver, url = "sqlite", "file:"+url[len("sqlite:"):]+"?_txlock=immediate&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(40000)&_pragma=cache_size(-65536)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it is done
	db.SetMaxOpenConns(1)
	stmt, err := db.Prepare(insert)
	if err != nil {
		b.Fatal(err)
	}
	var id int
	measure(b, 1, func() error {
		id++
		_, err := stmt.Exec(id, rowName(id))
		return err
	})
}

// measure runs op b.N times from so many callers and reports rate and CPU time.
func measure(b *testing.B, callers int, op func() error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := op(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	spent := cpu() - before
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-us/op")
}

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
