package once

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

const id = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"

func create(display string) *gatewayv1.CreateBrandRequest {
	return &gatewayv1.CreateBrandRequest{Brand: &gatewayv1.Brand{DisplayName: display}, BrandId: "acme", RequestId: id}
}

// TestOnce holds SQLite and PostgreSQL to the same promises.
func TestOnce(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *sqldb.DB)
		}{
			{"a repeat gets the stored answer and has no effect", testRepeat},
			{"another body or method is refused", testMismatch},
			{"brands do not share ids", testBrands},
			{"without an id every call has its effect", testNoID},
			{"racing twins have one effect", testTwins},
			{"racing twins that choose an id have one effect", testChosenTwins},
			{"a failed effect is not remembered", testFailure},
			{"validate_only leaves nothing", testValidateOnly},
			{"after the window the id is new, and rows are forgotten", testWindow},
		} {
			t.Run(tt.name, func(t *testing.T) {
				db := open(t)
				if err := Migrate(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec(`CREATE TABLE effect (n BIGINT NOT NULL)`)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				tt.test(t, db)
			})
		}
	})
}

// do runs an effect that leaves one row and answers with the number of rows.
func do(ctx context.Context, db *sqldb.DB, brand string, req Request) (*gatewayv1.Brand, error) {
	return Do(ctx, db, brand, req, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
		if _, err := tx.Exec(`INSERT INTO effect (n) VALUES ($1)`, 1); err != nil {
			return nil, err
		}
		var n int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM effect`).Scan(&n); err != nil {
			return nil, err
		}
		return &gatewayv1.Brand{Name: fmt.Sprint(n)}, nil
	})
}

func want(t *testing.T, db *sqldb.DB, table string, n int) {
	t.Helper()
	var got int
	if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != n {
		t.Errorf("%s has %d rows, want %d", table, got, n)
	}
}

func testRepeat(t *testing.T, db *sqldb.DB) {
	for range 3 {
		b, err := do(t.Context(), db, "acme", create("Acme"))
		if err != nil {
			t.Fatal(err)
		}
		if b.GetName() != "1" {
			t.Errorf("answer = %q, want the first", b.GetName())
		}
	}
	want(t, db, "effect", 1)
}

func testMismatch(t *testing.T, db *sqldb.DB) {
	if _, err := do(t.Context(), db, "acme", create("Acme")); err != nil {
		t.Fatal(err)
	}
	for _, req := range []Request{create("Other"), &ticketv1.CreateTicketRequest{RequestId: id}} {
		_, err := do(t.Context(), db, "acme", req)
		if status.Code(err) != codes.AlreadyExists || fault.Reason(err) != "IDEMPOTENCY_MISMATCH" {
			t.Errorf("Do(%v) = %v, want IDEMPOTENCY_MISMATCH", req, err)
		}
	}
	want(t, db, "effect", 1)
}

func testBrands(t *testing.T, db *sqldb.DB) {
	for _, brand := range []string{"a", "b"} {
		if _, err := do(t.Context(), db, brand, create(brand)); err != nil {
			t.Fatal(err)
		}
	}
	want(t, db, "effect", 2)
}

func testNoID(t *testing.T, db *sqldb.DB) {
	for range 2 {
		req := create("Acme")
		req.RequestId = ""
		if _, err := do(t.Context(), db, "acme", req); err != nil {
			t.Fatal(err)
		}
	}
	want(t, db, "effect", 2)
	want(t, db, "request", 0)
}

func testTwins(t *testing.T, db *sqldb.DB) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			b, err := do(t.Context(), db, "acme", create("Acme"))
			if err != nil || b.GetName() != "1" {
				t.Errorf("Do = %v, %v, want the first answer", b, err)
			}
		})
	}
	wg.Wait()
	want(t, db, "effect", 1)
}

// testChosenTwins races creates of one id, which refuse an id in use as the
// services do.
func testChosenTwins(t *testing.T, db *sqldb.DB) {
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE chosen (id TEXT PRIMARY KEY)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		name := fmt.Sprint("brands/b", round)
		req := create("Acme")
		req.BrandId, req.RequestId = name, uuid.NewString()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				b, err := Do(t.Context(), db, "acme", req, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
					n, err := tx.Exec(`INSERT INTO chosen (id) VALUES ($1) ON CONFLICT DO NOTHING`, name)
					if err == nil && n == 0 {
						err = fault.Exists(name)
					}
					return &gatewayv1.Brand{Name: name}, err
				})
				if err != nil || b.GetName() != name {
					t.Errorf("Do = %v, %v, want the first answer", b, err)
				}
			})
		}
		wg.Wait()
	}
	// Somebody else's create of the same id stays refused.
	other := create("Other")
	other.RequestId = uuid.NewString()
	_, err = Do(t.Context(), db, "acme", other, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) { return nil, fault.Exists("brands/b0") })
	if fault.Reason(err) != "ALREADY_EXISTS" {
		t.Errorf("Do = %v, want ALREADY_EXISTS", err)
	}
}

func testFailure(t *testing.T, db *sqldb.DB) {
	wrong := errors.New("no")
	_, err := Do(t.Context(), db, "acme", create("Acme"), func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
		if _, err := tx.Exec(`INSERT INTO effect (n) VALUES ($1)`, 1); err != nil {
			return nil, err
		}
		return nil, wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("Do = %v, want the effect's error", err)
	}
	want(t, db, "effect", 0)
	if _, err := do(t.Context(), db, "acme", create("Acme")); err != nil {
		t.Fatal(err)
	}
	want(t, db, "effect", 1)
}

func testValidateOnly(t *testing.T, db *sqldb.DB) {
	req := create("Acme")
	req.ValidateOnly = true
	b, err := do(t.Context(), db, "acme", req)
	if err != nil || b.GetName() != "1" {
		t.Errorf("Do = %v, %v, want the answer it would give", b, err)
	}
	want(t, db, "effect", 0)
	want(t, db, "request", 0)
}

func testWindow(t *testing.T, db *sqldb.DB) {
	if _, err := do(t.Context(), db, "acme", create("Acme")); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE request SET create_time = $1`, sqldb.Micros(time.Now().Add(-Window)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := do(t.Context(), db, "acme", create("Other")); err != nil || b.GetName() != "2" {
		t.Errorf("Do after the window = %v, %v, want a new effect", b, err)
	}
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE request SET create_time = $1`, sqldb.Micros(time.Now().Add(-Window)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Forget(t.Context(), db); n != 1 || err != nil {
		t.Errorf("Forget = %d, %v, want 1", n, err)
	}
	want(t, db, "request", 0)
}
