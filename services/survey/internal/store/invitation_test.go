package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestInvitations holds SQLite and PostgreSQL to the same promises.
func TestInvitations(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"an invitation comes back as it went in", testInvitation},
			{"what becomes of an invitation is kept", testMoves},
			{"an occasion is sent once", testSentOnce},
			{"a page begins where the last one ended", testInvitationPages},
			{"only what can be shown is pending", testPending},
			{"what was sent is known on both sides of its time", testContact},
			{"decisions about one customer wait for each other", testWait},
			{"what a customer has said is known to decisions", testOptOut},
			{"a stage is reached once", testReach},
			{"a wave is gone on with by one at a time", testWave},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s, err := Open(t.Context(), open(t))
				if err != nil {
					t.Fatal(err)
				}
				tt.test(t, s)
			})
		}
	})
}

func invite(t *testing.T, s *Store, all ...Invitation) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, v := range all {
			s.AddInvitation(tx, v)
		}
		return nil
	})
}

func invitation(id string) Invitation {
	return Invitation{
		Brand: "acme", Survey: "s", ID: id, Subject: 1, Customer: "customers/ann", Interaction: "tickets/1/interactions/" + id,
		Occasion: "tickets/1/interactions/" + id, Channel: 1, Decision: 1, DecideTime: noon, QuietUntil: noon.Add(time.Hour),
	}
}

// everything returns an invitation that lacks nothing.
func everything(id string) Invitation {
	v := invitation(id)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes)*time.Minute + time.Microsecond) }
	v.State, v.Origin, v.SurveyRevision, v.Rule, v.Language, v.TokenHash, v.Response, v.Version = 6, 3, 7, "calls", "pt-BR", "hash-"+id, "r", 9
	v.Attribution = Attribution{
		Ticket: "tickets/1", Touchpoint: "customers/ann/touchpoints/1", Agent: "agents/bo", Team: "teams/night", Partner: "partners/mihir",
		Channel: 2, Stage: 4, Phase: 3,
	}
	v.AvailableTime, v.ExpireTime, v.SendTime, v.DeliverTime, v.DisplayTime = at(1), at(2), at(3), at(4), at(5)
	v.StartTime, v.DismissTime, v.CompleteTime, v.EndTime = at(6), at(7), at(8), at(9)
	return v
}

func testInvitation(t *testing.T, s *Store) {
	silent := invitation("b")
	silent.Interaction, silent.Decision, silent.QuietUntil, silent.DuplicateOf = "", 7, time.Time{}, "a"
	other := everything("a")
	other.Brand = "other"
	invite(t, s, everything("a"), silent, other)
	for _, want := range []Invitation{everything("a"), silent, other} {
		got, err := s.Invitation(t.Context(), want.Brand, "s", want.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "invitation", got, want)
	}
	got, err := s.InvitationByToken(t.Context(), "acme", "hash-a")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "invitation by its token", got, everything("a"))
	for _, hash := range []string{"", "hash-b", "HASH-A"} {
		if got, err := s.InvitationByToken(t.Context(), "acme", hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("hash %q: %v, %v, want ErrNotFound", hash, got, err)
		}
	}
}

func testMoves(t *testing.T, s *Store) {
	plain, late := invitation("plain"), everything("late")
	plain.State, plain.Version = 3, 1
	invite(t, s, plain, late)
	write(t, s, func(tx *sqldb.Tx) error {
		if _, err := s.LockInvitation(tx, "acme", "s", "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("an unknown invitation: %v, want ErrNotFound", err)
		}
		v, err := s.LockInvitation(tx, "acme", "s", "plain")
		if err != nil {
			return err
		}
		v = s.StartInvitation(tx, v, noon.Add(time.Minute))
		v = s.StartInvitation(tx, v, noon)
		v = s.StartInvitation(tx, v, noon.Add(time.Hour))
		equal(t, "state", v.State, int32(5))
		plain = s.CompleteInvitation(tx, v, "r", noon.Add(2*time.Hour))
		late = s.StartInvitation(tx, late, noon)
		return nil
	})
	if plain.State != 6 || plain.Response != "r" || !plain.StartTime.Equal(noon) || !plain.CompleteTime.Equal(noon.Add(2*time.Hour)) || plain.Version != 5 {
		t.Errorf("answered = %+v, want it begun at noon and completed by r", plain)
	}
	if late.State != 6 || !late.StartTime.Equal(noon) {
		t.Errorf("begun after the answer = %+v, want it completed as before", late)
	}
	write(t, s, func(tx *sqldb.Tx) error {
		got, err := s.LockInvitations(tx, "acme", [][2]string{{"s", "plain"}, {"s", "none"}, {"s", "late"}, {"other", "plain"}, {"s", "late"}})
		equal(t, "what is there", got, map[[2]string]Invitation{{"s", "plain"}: plain, {"s", "late"}: late})
		return err
	})
}

func testSentOnce(t *testing.T, s *Store) {
	invite(t, s, invitation("a"))
	again, refused := invitation("b"), invitation("c")
	again.Occasion, refused.Occasion, refused.Decision = "tickets/1/interactions/a", "tickets/1/interactions/a", 7
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { s.AddInvitation(tx, again); return nil })
	if !sqldb.Unique(err) {
		t.Errorf("sent again: %v, want a unique error", err)
	}
	invite(t, s, refused)
}

func testContact(t *testing.T, s *Store) {
	none, other, before := invitation("none"), invitation("other"), invitation("before")
	none.Decision, none.QuietUntil = 2, noon.Add(99*time.Hour)
	other.Brand, other.QuietUntil = "other", noon.Add(99*time.Hour)
	longer, loud := invitation("longer"), invitation("loud")
	longer.Survey, longer.DecideTime, longer.QuietUntil = "s2", noon.Add(-time.Hour), noon.Add(2*time.Hour)
	loud.DecideTime, loud.QuietUntil = noon.Add(20*time.Hour), time.Time{}
	before.DecideTime, before.QuietUntil = time.Unix(0, 0), time.Time{}
	invite(t, s, invitation("a"), none, other, longer, loud, before)
	begin, end, hour, instant := noon.Add(-4*time.Hour), noon.Add(2*time.Hour), time.Hour, time.Microsecond
	for _, tt := range []struct {
		name     string
		occasion string
		at       time.Time
		quiet    time.Duration
		want     Sent
	}{
		{"the same occasion", "tickets/1/interactions/a", noon.Add(9 * hour), 0, Sent{DuplicateOf: "a"}},
		{"the same occasion of another survey", "tickets/1/interactions/longer", noon.Add(9 * hour), 0, Sent{}},
		{"right away, the longer quiet counts", "x", noon, 0, Sent{QuietUntil: end}},
		{"the last quiet instant", "x", end.Add(-instant), 0, Sent{QuietUntil: end}},
		{"the first loud instant", "x", end, 0, Sent{}},
		{"the last loud instant", "x", begin, 0, Sent{}},
		{"the first quiet instant", "x", begin.Add(instant), 0, Sent{QuietUntil: end}},
		{"its own quiet would end with the next", "x", loud.DecideTime.Add(-hour), hour, Sent{}},
		{"its own quiet would cover the next", "x", loud.DecideTime.Add(-hour), hour + instant, Sent{QuietUntil: loud.DecideTime}},
		{"its own quiet would cover the next, which is quiet itself", "x", noon.Add(-9 * hour), 8*hour + instant, Sent{QuietUntil: end}},
		{"together with one that binds nobody", "x", loud.DecideTime, 0, Sent{}},
		{"its own quiet would begin together with one that binds nobody", "x", loud.DecideTime, instant, Sent{QuietUntil: loud.DecideTime}},
		{"just after one that binds nobody", "x", loud.DecideTime.Add(instant), hour, Sent{}},
	} {
		write(t, s, func(tx *sqldb.Tx) error {
			v := invitation("new")
			v.Occasion, v.DecideTime = tt.occasion, tt.at
			got, err := s.Contact(tx, v, tt.quiet)
			tt.want.Contact = Contact{Brand: "acme", Customer: "customers/ann"}
			equal(t, tt.name, got, tt.want)
			return err
		})
	}
}

// testWait holds a decision back until another has been made, or has waited long
// enough to be believed.
func testWait(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error { // so that the customer is known already
		_, err := s.Contact(tx, invitation("x"), 0)
		return err
	})
	var wg sync.WaitGroup
	begun, passed := make(chan struct{}), make(chan struct{})
	begin, pass := sync.OnceFunc(func() { close(begun) }), sync.OnceFunc(func() { close(passed) }) // a write may run again
	wg.Go(func() {
		err := s.db.Write(context.Background(), func(tx *sqldb.Tx) error {
			if _, err := s.Contact(tx, invitation("a"), 0); err != nil {
				return err
			}
			begin()
			select {
			case <-passed:
				t.Error("a second decision did not wait for the first")
			case <-time.After(200 * time.Millisecond):
			}
			s.AddInvitation(tx, invitation("a"))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	var got Sent
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		got, err = s.Contact(tx, invitation("a"), 0)
		pass()
		return err
	})
	wg.Wait()
	if err != nil || got.DuplicateOf != "a" {
		t.Errorf("what the second knows = %+v, %v, want it asked", got, err)
	}
}

func testInvitationPages(t *testing.T, s *Store) {
	var all []Invitation
	for i := range 9 { // the same ids in two surveys, three of an instant
		v := invitation(fmt.Sprint(i / 2))
		v.Survey, v.Decision, v.Channel, v.DecideTime = []string{"s", "s2"}[i%2], 2, int32(i), noon.Add(time.Duration(i/3)*time.Minute)
		all = append(all, v)
	}
	foreign := invitation("x")
	foreign.Brand = "other"
	invite(t, s, append(all, foreign)...)
	slices.SortFunc(all, func(a, b Invitation) int {
		if c := b.DecideTime.Compare(a.DecideTime); c != 0 {
			return c
		}
		return slices.Compare([]string{b.Survey, b.ID}, []string{a.Survey, a.ID})
	})
	for _, tt := range []struct {
		name   string
		survey string
		where  filter.Clause
		keep   func(Invitation) bool
	}{
		{"all", "", filter.Clause{Text: "TRUE"}, func(Invitation) bool { return true }},
		{"of a survey", "s2", filter.Clause{Text: "TRUE"}, func(v Invitation) bool { return v.Survey == "s2" }},
		{"picked", "", filter.Clause{Text: "channel < ? OR channel = ?", Args: []any{3, 7}}, func(v Invitation) bool { return v.Channel < 3 || v.Channel == 7 }},
	} {
		var got []Invitation
		f := InvitationFilter{Brand: "acme", Survey: tt.survey, Where: tt.where, Limit: 2}
		for range all {
			page, err := s.Invitations(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, page...); len(page) < f.Limit {
				break
			}
			last := page[len(page)-1]
			f.After = InvitationCursor{DecideTime: sqldb.Micros(last.DecideTime), Survey: last.Survey, ID: last.ID}
		}
		equal(t, tt.name, got, slices.DeleteFunc(slices.Clone(all), func(v Invitation) bool { return !tt.keep(v) }))
	}
}

func testPending(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error {
		for id, state := range map[string]int32{"s": 2, "paused": 3, "closed": 2} {
			v := Survey{State: state}
			v.Brand, v.ID, v.CreateTime, v.UpdateTime, v.Version = "acme", id, noon, noon, 1
			if id == "closed" {
				v.CloseTime = noon
			}
			if _, err := Surveys.Add(tx, v); err != nil {
				return err
			}
		}
		return nil
	})
	var all []Invitation
	add := func(id string, change func(*Invitation)) {
		v := invitation(id)
		v.State, v.DecideTime = 1, noon.Add(-time.Duration(len(all))*time.Minute)
		v.AvailableTime, v.ExpireTime, v.TokenHash = noon, noon.Add(time.Microsecond), id
		change(&v)
		all = append(all, v)
	}
	add("a", func(*Invitation) {})
	add("b", func(v *Invitation) { v.State, v.Channel = 5, 2 })
	add("without a token", func(v *Invitation) { v.TokenHash = "" })
	add("answered", func(v *Invitation) { v.State = 6 })
	add("bounced", func(v *Invitation) { v.State = 8 })
	add("cancelled", func(v *Invitation) { v.State = 9 })
	add("not sent", func(v *Invitation) { v.State, v.Decision = 0, 2 })
	add("dismissed", func(v *Invitation) { v.DismissTime = noon })
	add("early", func(v *Invitation) { v.AvailableTime = noon.Add(time.Microsecond) })
	add("late", func(v *Invitation) { v.ExpireTime = noon })
	add("paused", func(v *Invitation) { v.Survey = "paused" })
	add("closed", func(v *Invitation) { v.Survey = "closed" })
	add("bob", func(v *Invitation) { v.Customer = "customers/bob" })
	add("other", func(v *Invitation) { v.Brand = "other" })
	invite(t, s, all...)
	for _, tt := range []struct {
		channel int32
		limit   int
		want    string
	}{{0, 20, "[b a]"}, {0, 1, "[b]"}, {1, 20, "[a]"}, {2, 20, "[b]"}, {3, 20, "[]"}} {
		got, err := s.PendingInvitations(t.Context(), "acme", "customers/ann", tt.channel, noon, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, v := range got {
			ids = append(ids, v.ID)
		}
		if fmt.Sprint(ids) != tt.want {
			t.Errorf("channel %d, limit %d: %v, want %s", tt.channel, tt.limit, ids, tt.want)
		}
	}
}

func testOptOut(t *testing.T, s *Store) {
	read := func(want Contact) {
		t.Helper()
		got, err := s.OptOut(t.Context(), "acme", "customers/ann")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "what ann has said", got, want)
	}
	want := Contact{Brand: "acme", Customer: "customers/ann"}
	read(want)
	write(t, s, func(tx *sqldb.Tx) error {
		s.AddContact(tx, "acme", "customers/ann")
		s.AddContact(tx, "acme", "customers/ann")
		c, err := s.LockOptOut(tx, "acme", "customers/ann")
		equal(t, "what ann says", c, want)
		c.OptedOut, c.Channels, c.Consent, c.UpdateTime = true, []int32{2, 9}, 2, noon
		want = s.SetOptOut(tx, c)
		return err
	})
	if want.Version != 1 {
		t.Errorf("version = %d, want the first", want.Version)
	}
	read(want)
	write(t, s, func(tx *sqldb.Tx) error {
		known, err := s.Contact(tx, invitation("a"), 0)
		equal(t, "what a decision knows", known, Sent{Contact: want})
		s.AddInvitation(tx, invitation("a"))
		known, err2 := s.Contact(tx, invitation("a"), 0)
		if !known.Known || known.DuplicateOf != "a" {
			t.Errorf("what a second one knows = %+v, want the first", known)
		}
		return errors.Join(err, err2)
	})
	read(want)
}

func testReach(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error {
		s.Reach(tx, "acme", []Reached{{"customers/ann", 2}})
		s.Reach(tx, "acme", []Reached{{"customers/ann", 2}})
		for _, tt := range []struct {
			brand, customer string
			stage           int32
			first           bool
		}{
			{"acme", "customers/ann", 2, false},
			{"acme", "customers/ann", 3, true},
			{"acme", "customers/ann", 3, false},
			{"acme", "customers/bob", 2, true},
			{"other", "customers/ann", 2, true},
		} {
			if first, err := s.ReachFirst(tx, tt.brand, tt.customer, tt.stage); err != nil || first != tt.first {
				t.Errorf("%+v: first = %t, %v", tt, first, err)
			}
		}
		return nil
	})
}

func testWave(t *testing.T, s *Store) {
	for i, c := range []string{"customers/aa", "customers/b", "customers/aa", ""} { // who answered unasked is known as well
		add(t, s, response(fmt.Sprint("r", i), noon, func(r *Response) { r.Customer = c }))
	}
	write(t, s, func(tx *sqldb.Tx) error {
		for _, c := range []string{"customers/b", "customers/a", "customers/c"} {
			s.AddContact(tx, "acme", c)
		}
		s.AddContact(tx, "other", "customers/bb")
		first, err := s.NextContacts(tx, "acme", "", 2)
		rest, err2 := s.NextContacts(tx, "acme", "customers/aa", 2)
		equal(t, "contacts", append(first, rest...), []string{"customers/a", "customers/aa", "customers/b", "customers/c"})
		return errors.Join(err, err2)
	})
	for _, done := range []bool{false, true} {
		write(t, s, func(tx *sqldb.Tx) error {
			w, mine, err := s.LockWave(tx, "acme", "calls", noon)
			if !mine || w.Done || (w.Customer == "") == done {
				t.Errorf("wave = %+v, mine %t, want it as it was left", w, mine)
			}
			w.Customer, w.Done = "customers/a", done
			s.SetWave(tx, w)
			return err
		})
		if got, err := s.WaveDone(t.Context(), "acme", "calls", noon); err != nil || got != done {
			t.Errorf("done = %t, %v, want %t", got, err, done)
		}
	}
	if got, err := s.WaveDone(t.Context(), "acme", "calls", noon.Add(time.Hour)); err != nil || got {
		t.Errorf("the next wave is done: %t, %v", got, err)
	}
}
