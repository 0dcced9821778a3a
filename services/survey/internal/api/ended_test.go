package api

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// known returns what is known of interactions of ticket 7, by their ids.
func (e engine) known(t *testing.T, brand string, ids ...string) map[string]store.Ended {
	t.Helper()
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = "tickets/7/interactions/" + id
	}
	all, err := e.Store.Ended(t.Context(), brand, names)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// like is what is known of a call.
func like(id string, change func(*store.Ended)) store.Ended {
	e := store.Ended{Brand: "acme", Customer: "customers/ann", EndTime: monday.Add(-time.Minute), Attribution: store.Attribution{
		Ticket: "tickets/7", Interaction: "tickets/7/interactions/" + id, Agent: "agents/bo", Team: "teams/night", Partner: "partners/mihir",
		Channel: int32(typev1.Channel_CHANNEL_PHONE), Stage: int32(typev1.Stage_STAGE_RETENTION), Phase: int32(typev1.Phase_PHASE_POST_PURCHASE),
	}}
	change(&e)
	return e
}

func TestWhatAnInteractionWasLikeIsKept(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		if got := e.known(t, "acme", "a"); len(got) != 0 {
			t.Fatalf("before any: %v", got)
		}
		e.apply(t, called("a"))
		if got := e.known(t, "acme", "a", "b"); len(got) != 1 {
			t.Fatalf("just after the first: %v", got)
		}
		e.apply(t,
			called("a", func(p *eventv1.InteractionCreated) { p.Agent = "brands/acme/agents/eve" }), // told again, of another event
			called("b", func(p *eventv1.InteractionCreated) { p.Ticket.Customer, p.Agent = "", "" }),
			called("c", func(p *eventv1.InteractionCreated) { p.Direction = ticketv1.Interaction_DIRECTION_INTERNAL }),
			called("d", func(p *eventv1.InteractionCreated) { p.Channel, p.EndTime = 0, nil }),
			resolvedFor(0, 1),
		)
		want := map[string]store.Ended{}
		for _, one := range []store.Ended{
			like("a", func(*store.Ended) {}),
			like("b", func(v *store.Ended) { v.Customer, v.Agent = "", "" }),
			like("d", func(v *store.Ended) {
				v.Channel, v.EndTime = int32(typev1.Channel_CHANNEL_EMAIL), monday.Add(-time.Hour)
			}),
		} {
			want[one.Interaction] = one
		}
		if got := e.known(t, "acme", "a", "b", "c", "d", "e"); !reflect.DeepEqual(got, want) {
			t.Errorf("known is\n%v, want\n%v", got, want)
		}
		if got := e.known(t, "other", "a"); len(got) != 0 {
			t.Errorf("another brand knows %v", got)
		}
		foreign := called("f", func(p *eventv1.InteractionCreated) { p.Interaction = "brands/other/tickets/7/interactions/f" })
		err := e.DB.Write(t.Context(), func(tx *sqldb.Tx) error { return e.Apply(tx, foreign) })
		if fault.Reason(err) != "BAD_EVENT" {
			t.Errorf("an interaction of another brand: %v", err)
		}
	})
}

// TestEndedInteractionsAreForgotten when no answer about them would be in time.
func TestEndedInteractionsAreForgotten(t *testing.T) {
	const day = 24 * time.Hour
	eachEngine(t, func(t *testing.T, e engine) {
		e.survey(t, "acme", "short", func(v *store.Survey) { v.ExpireAfter = day })
		e.survey(t, "patient", "long", func(v *store.Survey) { v.ExpireAfter = 90 * day })
		e.write(t, func(tx *sqldb.Tx) error {
			for _, brand := range []string{"acme", "none", "patient"} {
				for id, age := range map[string]time.Duration{"31": 31 * day, "32": 31*day + time.Microsecond, "90": 90 * day, "91": 90*day + time.Microsecond} {
					e.Store.AddEnded(tx, like(id, func(v *store.Ended) { v.Brand, v.EndTime = brand, monday.Add(-age) }))
				}
			}
			for i := range 1100 { // more than go at once
				e.Store.AddEnded(tx, like(fmt.Sprint("old-", i), func(v *store.Ended) { v.EndTime = monday.Add(-91 * day) }))
			}
			return nil
		})
		left := func(brand string) (n int) {
			err := e.DB.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM ended_interaction WHERE brand = $1`, brand).Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if err := e.Store.ForgetEnded(t.Context(), monday); err != nil {
			t.Fatal(err)
		}
		for brand, ids := range map[string][]string{"acme": {"31"}, "none": {"31"}, "patient": {"31", "32", "90"}} {
			if got := e.known(t, brand, "31", "32", "90", "91"); len(got) != len(ids) || left(brand) != len(ids) {
				t.Errorf("%s keeps %v, want %v", brand, got, ids)
			}
			for _, id := range ids {
				if _, ok := e.known(t, brand, id)["tickets/7/interactions/"+id]; !ok {
					t.Errorf("%s does not keep %s", brand, id)
				}
			}
		}
	})
}

func TestEndedInteractionsGoLikeTouchpoints(t *testing.T) {
	const day = 24 * time.Hour
	eachEngine(t, func(t *testing.T, e engine) {
		var err error
		if e.Tombstones, err = privacy.OpenTombstones(t.Context(), e.DB); err != nil {
			t.Fatal(err)
		}
		e.write(t, func(tx *sqldb.Tx) error {
			for id, age := range map[string]time.Duration{"young": 9 * day, "old": 11 * day} {
				e.Store.AddEnded(tx, like(id, func(v *store.Ended) { v.EndTime = stored(time.Now().Add(-age)) }))
			}
			return nil
		})
		p := e.Privacy()
		if _, err := p.SetRetention(t.Context(), &typev1.SetRetentionRequest{Parent: "brands/acme", Version: 1, Records: durationpb.New(10 * day)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan struct{})
		go func() { defer close(done); p.Run(ctx) }()
		for len(e.known(t, "acme", "old")) > 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		<-done
		if got := e.known(t, "acme", "young", "old"); len(got) != 1 || got["tickets/7/interactions/young"].Customer == "" {
			t.Errorf("%v are left, want the young one", got)
		}
	})
}

// TestAnErasureTakesEndedInteractions and keeps them away; an export tells them before.
func TestAnErasureTakesEndedInteractions(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		var err error
		if e.Tombstones, err = privacy.OpenTombstones(t.Context(), e.DB); err != nil {
			t.Fatal(err)
		}
		e.apply(t, called("a"), called("b"), called("c", func(p *eventv1.InteractionCreated) { p.Ticket.Customer = "brands/acme/customers/anna" }))
		told := map[string][]proto.Message{}
		err = e.records(t.Context(), "acme", "ann", func(kind string, record proto.Message) error {
			told[kind] = append(told[kind], record)
			return nil
		})
		if got := told["ended_interactions"]; err != nil || len(got) != 2 {
			t.Fatalf("told %v, %v, want two ended interactions", told, err)
		}
		for i, id := range []string{"a", "b"} {
			want := toAttribution("acme", like(id, func(*store.Ended) {}).Attribution)
			if got := told["ended_interactions"][i]; !proto.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
		}
		_, err = e.Privacy().EraseCustomer(t.Context(), &typev1.EraseCustomerRequest{Parent: "brands/acme", Subjects: []*typev1.ErasureSubject{
			{Customer: "brands/acme/customers/ann", Pseudonym: "brands/acme/customers/erased-0123456789abcdef0123"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.apply(t, called("a"), called("d")) // which were on their way
		if got := e.known(t, "acme", "a", "b", "c", "d"); len(got) != 1 || got["tickets/7/interactions/c"].Customer != "customers/anna" {
			t.Errorf("%v is left, want anna's", got)
		}
	})
}
