package ticket_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAPageOfLongRowsEndsEarly(t *testing.T) {
	d := newTower(t, sqldbtest.Open(t, migrated.SQLite(t)))
	must(d.CreateSlaPolicy)(t, policy("p", "", target(resolution, time.Hour)))
	const n = 100
	for i := range n {
		id := fmt.Sprintf("t%02d", i)
		must(d.CreateIssueType)(t, &ticketv1.CreateIssueTypeRequest{
			Parent: acme, IssueTypeId: id, IssueType: &ticketv1.IssueType{DisplayName: id, IssueKind: ticketv1.Ticket_ISSUE_KIND_DELIVERY},
		})
		must(d.CreateInteraction)(t, say(d.opened(t, id), inbound, 0))
		if i > 0 { // the creation made the first one
			must(d.UpdateSlaPolicy)(t, &ticketv1.UpdateSlaPolicyRequest{SlaPolicy: &ticketv1.SlaPolicy{Name: acme + "/slaPolicies/p", DisplayName: id}})
		}
	}
	long := strings.Repeat("x", 65536) // as long as what is said may be
	set(t, client{db: d.db}, `UPDATE interaction SET text = $1, ticket = 't00'`, long)
	set(t, client{db: d.db}, `UPDATE ticket SET subject = $1`, long)
	set(t, client{db: d.db}, `UPDATE issue_type SET display_name = $1`, long)
	set(t, client{db: d.db}, `UPDATE sla_policy_revision SET display_name = $1`, long)
	type page interface {
		proto.Message
		GetNextPageToken() string
	}
	for what, list := range map[string]func(token string) (page, []string){
		"interactions": func(token string) (page, []string) {
			p := must(d.ListInteractions)(t, &ticketv1.ListInteractionsRequest{Parent: acme + "/tickets/t00", PageSize: 200, PageToken: token})
			return p, names(p.GetInteractions())
		},
		"tickets": func(token string) (page, []string) {
			p := must(d.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 200, PageToken: token})
			return p, names(p.GetTickets())
		},
		"issue types": func(token string) (page, []string) {
			p := must(d.ListIssueTypes)(t, &ticketv1.ListIssueTypesRequest{Parent: acme, PageSize: 200, PageToken: token})
			return p, names(p.GetIssueTypes())
		},
		"revisions": func(token string) (page, []string) {
			p := must(d.ListSlaPolicyRevisions)(t, &ticketv1.ListSlaPolicyRevisionsRequest{Name: acme + "/slaPolicies/p", PageSize: 200, PageToken: token})
			var revisions []string
			for _, r := range p.GetSlaPolicies() {
				revisions = append(revisions, fmt.Sprint(r.GetRevision()))
			}
			return p, revisions
		},
	} {
		seen, token := map[string]bool{}, ""
		for range n {
			p, names := list(token)
			if proto.Size(p) > 5<<20 || len(names) == 0 {
				t.Errorf("a page of %d %s has %d bytes, want some and about 4 MiB at most", len(names), what, proto.Size(p))
			}
			for _, n := range names {
				seen[n] = true
			}
			if token = p.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(seen) != n {
			t.Errorf("the pages have %d %s, want %d", len(seen), what, n)
		}
	}
}

func names[M interface{ GetName() string }](all []M) (names []string) {
	for _, m := range all {
		names = append(names, m.GetName())
	}
	return names
}
