package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/operation/operationtest"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestAnExportSurvives: what is kept of somebody with many names is put together by two
// gateways. One of them is killed in the middle, and the other one does the rest.
func TestAnExportSurvives(t *testing.T) {
	t.Parallel()
	s := splitOf(t, must(shipped())(t))
	c := s.grpc()
	brand := c.brand(t)
	var names []string
	for i := range 45 {
		n := fmt.Sprint(brand, "/customers/n", i)
		names = append(names, n)
		c.open(t, n, typev1.Channel_CHANNEL_PHONE, noon.Add(time.Duration(i)*time.Minute))
		c.lives(t, n, "website-visit", met)
	}
	must(c.customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: names[0], Sources: names[1:]}))(t)
	var want []string
	eventually(t, func() error {
		before := want
		if want = toldOf(t, c.export(t, names[0])); !slices.Equal(before, want) {
			return fmt.Errorf("%d lines were told, then %d", len(before), len(want))
		}
		return nil
	})

	db := sqldbtest.Open(t, s.parts["gateway"].db)
	operationtest.Witness(t, db)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`CREATE FUNCTION slow() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$`)
		_, err := tx.Exec(`CREATE TRIGGER slow BEFORE UPDATE OF output ON operation_part FOR EACH ROW EXECUTE FUNCTION slow()`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	first := s.parts["gateway"]
	args := slices.Clone(first.args)
	args[slices.Index(args, "--db")+1] = operationtest.As(t, first.db, "replica")
	s.parts["replica"] = &part{program: first.program, args: args, listen: "127.0.0.1:0", db: first.db}
	s.start(t, "replica")
	c = s.grpc()
	o := must(c.privacy.ExportCustomerData(t.Context(), &gatewayv1.ExportCustomerDataRequest{Name: names[0]}))(t)
	did := func(replica string) int { n, _ := operationtest.Did(t, db, replica); return n }
	operationtest.Until(t, "both at it", func() bool { return did("concentric") > 0 && did("replica") > 0 })
	first.kill(t)
	other := s.replica(t)
	var sum gatewayv1.ExportCustomerDataResponse
	other.done(t, o, &sum)
	if got := toldOf(t, other.read(t, o.GetName())); !slices.Equal(got, want) {
		t.Errorf("two gateways told %d lines, one %d, or others", len(got), len(want))
	}
	records := 0
	for _, n := range sum.GetCounts() {
		records += int(n.GetRecordCount())
	}
	killed := did("concentric") // some of it after its death: PostgreSQL had them already
	if _, twice := operationtest.Did(t, db, ""); twice != 0 || records != len(want) || killed+did("replica") != 12 {
		t.Errorf("%d and %d parts were done, %d twice, with %d records, want 12, none twice and %d", killed, did("replica"), twice, records, len(want))
	}
	t.Logf("the one that was killed did %d parts, the other %d", killed, did("replica"))
}

// toldOf returns what the lines of an export are about, in order; scores are as of when they
// are read.
func toldOf(t *testing.T, lines string) (all []string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var one struct {
			Service, Kind string
			Record        struct{ Name string }
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one.Service+" "+one.Kind+" "+one.Record.Name)
	}
	slices.Sort(all)
	return all
}
