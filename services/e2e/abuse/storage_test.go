package abuse

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// storageRows are about databases that fail.
func storageRows() []row {
	return []row{
		each("A54", "a full disk", func(t *testing.T, _ *suite, way surface) {
			spoilStores(t, way, `PRAGMA max_page_count = 1`, `PRAGMA max_page_count = 1000000000`,
				ask{code: codes.ResourceExhausted, reason: "STORAGE_FULL"})
		}),
		each("A55", "a read-only store", func(t *testing.T, _ *suite, way surface) {
			spoilStores(t, way, `PRAGMA query_only = 1`, "",
				ask{code: codes.Unavailable, reason: "STORAGE_READ_ONLY"})
		}),
		each("A56", "writes that get in each other's way", contended),
		each("A57", "a store that is out of reach", outOfReach),
		each("A58", "a store whose answer is lost after the commit", lostAnswer),
	}
}

// large are writes to each of the three services, too large for what is left in
// their files.
func large(t *testing.T, s *suite) map[string]proto.Message {
	t.Helper()
	long := newSurvey(func(r *surveyv1.CreateSurveyRequest) { r.Survey.Questions = nil })
	response := answering()
	for i := range 30 {
		id := fmt.Sprintf("q%d", i)
		long.Survey.Questions = append(long.Survey.Questions, &surveyv1.Question{QuestionId: id, Kind: surveyv1.Question_KIND_OPEN})
		response.Response.Answers = append(response.Response.Answers, words(id, strings.Repeat("w", 8000)))
	}
	response.Response.Survey = must[*surveyv1.Survey](t, s, long).GetName()
	touchpoints := batch(300, func(_ int, r *visit) { r.Touchpoint.Attributes = map[string]string{"k": strings.Repeat("v", 200)} })
	return map[string]proto.Message{
		"ticket": say(func(r *ticketv1.CreateInteractionRequest) { r.Interaction.Text = strings.Repeat("t", 60_000) }),
		"survey": response, "journey": touchpoints,
	}
}

// spoilStores spoils each store with one statement, finds that writes are refused
// and leave nothing while reads go on, and if there is another, mends it with that.
func spoilStores(t *testing.T, way surface, spoil, mend string, want ask) {
	t.Helper()
	s := furnished(t, config{})
	s.settled(t)
	for service, req := range large(t, s) {
		before := s.settled(t)
		pragma(t, s.dbs[service], spoil)
		want.want(t, way, s.send(t, way, ask{req: req}))
		s.unchanged(t, before)
		for _, read := range []proto.Message{
			&ticketv1.GetTicketRequest{Name: seven}, &surveyv1.GetSurveyRequest{Name: nps}, &journeyv1.GetScoreRequest{Name: ann + "/score"},
		} {
			ask{}.want(t, way, s.send(t, way, ask{req: read}))
		}
		if mend != "" {
			pragma(t, s.dbs[service], mend)
			ask{}.want(t, way, s.send(t, way, ask{req: req}))
		}
	}
}

// pragma sets something on the connection that writes.
func pragma(t *testing.T, db *sqldb.DB, statement string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(statement)
		if err != nil {
			return err
		}
		for rows.Next() { // it says what it has become
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contended has many writers read and write one ticket at once, on PostgreSQL. What
// deadlocks is a matter of sqldb, which tests it.
func contended(t *testing.T, _ *suite, way surface) {
	s := furnished(t, config{ticketDB: sqldbtest.Postgres(t)})
	const writers = 16
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			req := say(func(r *ticketv1.CreateInteractionRequest) {
				r.Interaction.Direction, r.Interaction.Actor = ticketv1.Interaction_DIRECTION_INBOUND, ticketv1.Interaction_ACTOR_CUSTOMER
			})
			if got := s.send(t, way, ask{req: req}).status.Code(); got != codes.OK {
				t.Errorf("code = %v", got)
			}
		})
	}
	wg.Wait()
	list := must[*ticketv1.ListInteractionsResponse](t, s, &ticketv1.ListInteractionsRequest{Parent: seven})
	if n := len(list.GetInteractions()); n != writers+1 {
		t.Errorf("%d interactions, want %d", n, writers+1)
	}
}

// proxied is a furnished suite whose ticket database is behind a proxy, and the
// URL of the database itself.
func proxied(t *testing.T) (*suite, *proxy, string) {
	t.Helper()
	direct := sqldbtest.Postgres(t)
	p, url := newProxy(t, direct)
	return furnished(t, config{ticketDB: url, bus: "nats://" + closedPort(t)}), p, direct
}

func outOfReach(t *testing.T, _ *suite, way surface) {
	s, p, _ := proxied(t)
	p.cut()
	want := ask{code: codes.Unavailable, reason: "STORAGE_UNAVAILABLE"}
	for _, req := range []proto.Message{newTicket(), &ticketv1.GetTicketRequest{Name: seven}, &ticketv1.ListTicketsRequest{Parent: acme}} {
		want.want(t, way, s.send(t, way, ask{req: req}))
	}
	ask{}.want(t, way, s.send(t, way, ask{req: &surveyv1.GetSurveyRequest{Name: nps}})) // others go on
	p.mend()
	until(t, "the store is in reach again", func() bool {
		return s.send(t, way, ask{req: newTicket()}).status.Code() == codes.OK
	})
}

// lostAnswer: without a request_id the client cannot know what became of its write.
// With one the service looks for itself, and the same request again has no second
// effect.
func lostAnswer(t *testing.T, _ *suite, way surface) {
	s, p, direct := proxied(t)
	named := func(id string) *ticketv1.CreateTicketRequest {
		return newTicket(func(r *ticketv1.CreateTicketRequest) { r.TicketId = id })
	}
	p.loseCommit("lost")
	ask{code: codes.Unavailable, reason: "STORAGE_UNAVAILABLE"}.want(t, way, s.repeat(t, way, "", named("lost")))
	id := uuid.NewString()
	p.loseCommit("found")
	s.create(t, way, id, named("found"))
	s.create(t, way, id, named("found"))
	// The suite's own client always sends one.
	conn, err := rpc.Dial(s.addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.loseCommit("again")
	if _, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(t.Context(), named("again")); err != nil {
		t.Errorf("the suite's own client: %v", err)
	}
	for _, id := range []string{"lost", "found", "again"} {
		if n := tickets(t, direct, id); n != 1 {
			t.Errorf("%d tickets %s, want 1", n, id)
		}
	}
	if n := p.lost(); n != 3 {
		t.Errorf("%d answers were lost, want 3", n)
	}
}

// tickets counts the tickets of that id and their events, which must be as many.
func tickets(t *testing.T, url, id string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var events int
	err = db.QueryRowContext(t.Context(), `
		SELECT (SELECT COUNT(*) FROM ticket WHERE id = $1), (SELECT COUNT(*) FROM outbox WHERE position(convert_to('tickets/' || $1, 'UTF8') IN payload) > 0)`, id).
		Scan(&n, &events)
	if err != nil {
		t.Fatal(err)
	}
	if n != events {
		t.Errorf("%d tickets %s and %d events", n, id, events)
	}
	return n
}
