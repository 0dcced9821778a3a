package abuse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// A test is what one row does on one surface.
type test func(t *testing.T, s *suite)

// A row is one line of the table of abuses, or a part of it.
type row struct {
	id, name   string
	grpc, rest test // nil where the surface cannot express it
}

// both is a row that is one request on both surfaces.
func both(id, name string, a ask) row { return row{id, name, a.on(onGRPC), a.on(onREST)} }

// grpcOnly is a row whose request REST cannot express.
func grpcOnly(id, name string, a ask) row { return row{id, name, a.on(onGRPC), nil} }

// each is a row that does the same on both surfaces.
func each(id, name string, do func(t *testing.T, s *suite, way surface)) row {
	return row{
		id, name,
		func(t *testing.T, s *suite) { do(t, s, onGRPC) },
		func(t *testing.T, s *suite) { do(t, s, onREST) },
	}
}

// web is a row about REST alone: the call must be answered with the status, and
// leave nothing unless that is 200.
func web(id, name string, w webRequest, code int) row {
	return row{id: id, name: name, rest: func(t *testing.T, s *suite) {
		before := s.settled(t)
		got, body := s.fetch(t, t.Context(), w)
		if got != code {
			t.Errorf("%s %.80s = %d %.200s, want %d", w.method, w.path, got, body, code)
		}
		if code != 200 {
			s.unchanged(t, before)
		}
	}}
}

// A section is rows that share a suite.
type section struct {
	name  string
	suite func(*testing.T) *suite // nil: the rows start what they need
	rows  []row
}

func sections() []section {
	open := func(t *testing.T) *suite { return furnished(t, config{}) }
	return []section{
		{"requests", open, slices.Concat(repeatRows(), idRows(), deadlineRows(), valueRows(), textRows(), wireRows(), transportRows())},
		{"tickets", staffed, slices.Concat(
			ticketRows(), moveRows(), agreementRows(), changeRows(), stateRows(), mergeRows(), listRows(), importRows(),
		)},
		{"surveys", open, slices.Concat(surveyRows(), answerRows(), occasionRows(), resultRows())},
		{"links", locked, slices.Concat(linkRows(), tokenRows(), pageRows(), publicRows())},
		{"touchpoints", open, slices.Concat(
			touchpointRows(), timeRows(), visitRows(), moneyRows(), customerRows(), profileRows(), scoreRows(), streamRows(),
		)},
		{"webhooks", open, webhookRows()},
		{"web", open, slices.Concat(webRows(), bodyRows(), httpRows(), pathRows(), headerRows())},
		{"keys", keyed, slices.Concat(
			keyRows(), partnerRows(), foreignRows(), isolationRows(), everyRows(), placeRows(), forgedRows(), againRows(),
		)},
		{"tokens", tokened, slices.Concat(claimRows(), signatureRows(), issuedRows())},
		{"storage", nil, storageRows()},
		{"failures", nil, failureRows()},
		{"clock", nil, clockRows()},
	}
}

// TestAbuse runs the table and says what became of each row.
func TestAbuse(t *testing.T) {
	all := sections()
	for _, sec := range all {
		t.Run(sec.name, func(t *testing.T) {
			t.Parallel()
			var s *suite
			if sec.suite != nil {
				s = sec.suite(t)
			}
			for _, r := range sec.rows {
				t.Run(r.id+" "+r.name, func(t *testing.T) {
					if r.grpc != nil {
						t.Run(onGRPC.String(), func(t *testing.T) { r.grpc(t, s) })
					}
					if r.rest != nil {
						t.Run(onREST.String(), func(t *testing.T) { r.rest(t, s) })
					}
				})
			}
		})
	}
	account(t, all)
}

// account prints what became of the rows, and fails if one is forgotten.
func account(t *testing.T, all []section) {
	t.Helper()
	onEither, viaGRPC, viaREST := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, sec := range all {
		for _, r := range sec.rows {
			onEither[r.id] = true
			viaGRPC[r.id] = viaGRPC[r.id] || r.grpc != nil
			viaREST[r.id] = viaREST[r.id] || r.rest != nil
		}
	}
	for _, id := range table() {
		_, absent := reason(id)
		switch {
		case onEither[id] && absent:
			t.Errorf("%s is tested and said not to apply", id)
		case !onEither[id] && !absent:
			t.Errorf("%s is forgotten", id)
		}
		delete(onEither, id)
	}
	for id := range onEither {
		t.Errorf("%s is no row of the table", id)
	}
	tested := either(viaGRPC, viaREST)
	var lines []string
	for _, a := range absent() {
		lines = append(lines, a.ids+": "+a.why)
	}
	t.Logf("abuse: A01-A63: %d of 63; of all, %d rows tested on gRPC, %d on REST, %d rows not applicable:\n%s",
		count(only("A", tested)), count(viaGRPC), count(viaREST), len(table())-count(tested), strings.Join(lines, "\n"))
}

func count(m map[string]bool) (n int) {
	for _, yes := range m {
		if yes {
			n++
		}
	}
	return n
}

// only keeps the rows of one part of the table.
func only(letter string, m map[string]bool) map[string]bool {
	part := map[string]bool{}
	for id, yes := range m {
		part[id] = yes && strings.HasPrefix(id, letter)
	}
	return part
}

func either(a, b map[string]bool) map[string]bool {
	all := maps.Clone(a)
	for id, yes := range b {
		all[id] = all[id] || yes
	}
	return all
}

// table lists the ids of all rows there are.
func table() []string {
	var ids []string
	for _, part := range []struct {
		letter string
		rows   int
	}{{"A", 63}, {"T", 67}, {"S", 65}, {"P", 66}, {"G", 69}, {"W", 63}, {"K", 65}, {"C", 68}} {
		for n := range part.rows {
			ids = append(ids, fmt.Sprintf("%s%02d", part.letter, n+1))
		}
	}
	return ids
}

const (
	ok       = codes.OK
	invalid  = codes.InvalidArgument
	notFound = codes.NotFound
	exists   = codes.AlreadyExists
)
