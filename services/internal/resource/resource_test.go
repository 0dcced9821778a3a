package resource

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// TestResource holds SQLite and PostgreSQL to the same promises.
func TestResource(t *testing.T) {
	made.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, world)
		}{
			{"what is created is got and listed as it was answered", testCreate},
			{"an id is the caller's or a new one, and is taken once", testID},
			{"a repeat has no effect", testRepeat},
			{"what the row refuses and what its check refuses changes nothing", testRefusal},
			{"an update changes what the mask names, in the version that was read", testUpdate},
			{"an update that breaks the contract says where", testBroken},
			{"what is deleted is gone, unless it was in use or has changed", testDelete},
			{"pages join up in every order", testPages},
			{"a filter or an order that is none is refused", testArguments},
			{"a caller bound to a partner sees the partner's alone", testBound},
		} {
			t.Run(tt.name, func(t *testing.T) { tt.test(t, newWorld(t, open(t))) })
		}
	})
}

func testCreate(t *testing.T, w world) {
	want := w.created(t, "mihir", "Mihir")
	if want.GetName() != acme+"/partners/mihir" || want.GetDisplayName() != "MIHIR" || want.GetEtag() != "1" ||
		!want.GetCreateTime().AsTime().Equal(want.GetUpdateTime().AsTime()) {
		t.Errorf("CreatePartner = %v", want)
	}
	equal(t, "GetPartner", w.got(t, want.GetName()), want)
	list, err := w.ListPartners(t.Context(), &ticketv1.ListPartnersRequest{Parent: acme})
	if err != nil || len(list.GetPartners()) != 1 || list.GetNextPageToken() != "" {
		t.Fatalf("ListPartners = %v, %v, want the one", list, err)
	}
	equal(t, "ListPartners", list.GetPartners()[0], want)
}

func testID(t *testing.T, w world) {
	a, b := w.created(t, "", "A"), w.created(t, "", "B")
	if a.GetName() == b.GetName() || !strings.HasPrefix(a.GetName(), acme+"/partners/") {
		t.Errorf("new ids are %s and %s", a.GetName(), b.GetName())
	}
	w.created(t, "mihir", "Mihir")
	_, err := w.CreatePartner(t.Context(), creation("mihir", "Another"))
	refused(t, "a taken id", err, codes.AlreadyExists, "ALREADY_EXISTS")
	if got := w.got(t, acme+"/partners/mihir").GetDisplayName(); got != "MIHIR" {
		t.Errorf("it is now called %s", got)
	}
	if _, err := w.CreatePartner(t.Context(), &ticketv1.CreatePartnerRequest{
		Parent: "brands/other", PartnerId: "mihir", Partner: &ticketv1.Partner{DisplayName: "x"},
	}); err != nil {
		t.Errorf("the id in another brand: %v", err)
	}
}

func testRepeat(t *testing.T, w world) {
	req := creation("", "Mihir")
	req.RequestId = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"
	first, err := w.CreatePartner(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.CreatePartner(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the repeat", again, first)
}

func testRefusal(t *testing.T, w world) {
	_, err := w.CreatePartner(t.Context(), creation("p", refusedByRow))
	refused(t, "a refusal of the row", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = w.CreatePartner(t.Context(), creation("p", refusedByCheck))
	refused(t, "a refusal of the check", err, codes.FailedPrecondition, "CHECK")
	_, err = w.GetPartner(t.Context(), &ticketv1.GetPartnerRequest{Name: acme + "/partners/p"})
	refused(t, "what was refused", err, codes.NotFound, "NOT_FOUND")

	was := w.created(t, "p", "p")
	_, err = w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: was.GetName(), DisplayName: refusedByRow}))
	refused(t, "an update that the row refuses", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: was.GetName(), DisplayName: refusedByCheck}))
	refused(t, "an update that the check refuses", err, codes.FailedPrecondition, "CHECK")
	equal(t, "what was not changed", w.got(t, was.GetName()), was)
}

func testUpdate(t *testing.T, w world) {
	was := w.created(t, "p", "P")
	got, err := w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: was.GetName(), DisplayName: "x", Inactive: true, Etag: "1"}, "inactive"))
	if err != nil {
		t.Fatal(err)
	}
	if got.GetDisplayName() != "P" || !got.GetInactive() || got.GetEtag() != "2" || !got.GetUpdateTime().AsTime().After(was.GetUpdateTime().AsTime()) ||
		!got.GetCreateTime().AsTime().Equal(was.GetCreateTime().AsTime()) {
		t.Errorf("UpdatePartner = %v", got)
	}
	equal(t, "GetPartner", w.got(t, was.GetName()), got)
	_, err = w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: was.GetName(), DisplayName: "x", Etag: "1"}))
	refused(t, "an old etag", err, codes.Aborted, "STALE")
	_, err = w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: acme + "/partners/none", DisplayName: "x"}))
	refused(t, "an unknown name", err, codes.NotFound, "NOT_FOUND")
	if _, err = w.UpdatePartner(t.Context(), patch(&ticketv1.Partner{Name: was.GetName(), DisplayName: "x"})); err != nil {
		t.Errorf("without an etag: %v", err)
	}
}

func testBroken(t *testing.T, w world) {
	was := w.created(t, "p", "P")
	// The request is checked by the server; what it makes of the partner is not.
	old := partner{table.Record{Brand: "acme", ID: "p", Version: 1}, was.GetDisplayName(), false}
	_, err := w.partners.Merge(old, &ticketv1.Partner{Name: was.GetName()}, &fieldmaskpb.FieldMask{Paths: []string{"display_name"}})
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) != 1 || e.Fields[0].Path != "partner.display_name" {
		t.Errorf("Merge = %v, want a fault of partner.display_name", err)
	}
}

func testDelete(t *testing.T, w world) {
	p, used := w.created(t, "p", "P"), w.created(t, inUse, "U")
	del := func(n, etag string) error {
		_, err := w.DeletePartner(t.Context(), &ticketv1.DeletePartnerRequest{Name: n, Etag: etag})
		return err
	}
	refused(t, "what is in use", del(used.GetName(), ""), codes.FailedPrecondition, "IN_USE")
	refused(t, "another version", del(p.GetName(), "2"), codes.Aborted, "STALE")
	if err := del(p.GetName(), "1"); err != nil {
		t.Fatal(err)
	}
	refused(t, "what is gone", del(p.GetName(), ""), codes.NotFound, "NOT_FOUND")
	equal(t, "the other", w.got(t, used.GetName()), used)
}

func testPages(t *testing.T, w world) {
	for i, name := range []string{"C", "A", "B", "B", "A"} {
		w.created(t, "p"+strconv.Itoa(i), name)
	}
	for _, tt := range []struct{ filter, order, want string }{
		{"", "name", "p0 p1 p2 p3 p4"},
		{"", "name desc", "p4 p3 p2 p1 p0"},
		{"", "display_name", "p1 p4 p2 p3 p0"},
		{"", "display_name desc, name", "p0 p2 p3 p1 p4"},
		{"", "create_time desc", "p4 p3 p2 p1 p0"},
		{`display_name = "B"`, "name", "p2 p3"},
		{`display_name = "none"`, "name", ""},
	} {
		for size := range int32(4) {
			req := &ticketv1.ListPartnersRequest{Parent: acme, Filter: tt.filter, OrderBy: tt.order, PageSize: size}
			var ids []string
			for range 6 {
				resp, err := w.ListPartners(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range resp.GetPartners() {
					ids = append(ids, strings.TrimPrefix(p.GetName(), acme+"/partners/"))
				}
				if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
					break
				}
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("%q by %q in pages of %d = %s, want %s", tt.filter, tt.order, size, got, tt.want)
			}
		}
	}
}

func testArguments(t *testing.T, w world) {
	for _, req := range []*ticketv1.ListPartnersRequest{
		{Filter: "nonsense = 1"}, {OrderBy: "nonsense"}, {OrderBy: "name", PageToken: "nonsense"},
	} {
		req.Parent = acme
		if _, err := w.ListPartners(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("ListPartners(%v) = %v, want INVALID_ARGUMENT", req, err)
		}
	}
}

func testBound(t *testing.T, w world) {
	theirs, other := w.created(t, "mihir", "Mihir"), w.created(t, "other", "Other")
	mihir := w.as(rpc.Caller{Brand: "acme", Partner: "mihir", Scopes: []string{"*"}})
	equal(t, "the partner's", mihir.got(t, theirs.GetName()), theirs)
	_, err := mihir.GetPartner(t.Context(), &ticketv1.GetPartnerRequest{Name: other.GetName()})
	refused(t, "another's", err, codes.NotFound, "NOT_FOUND")
	for filter, want := range map[string]int{"": 1, `display_name = "OTHER"`: 0} {
		list, err := mihir.ListPartners(t.Context(), &ticketv1.ListPartnersRequest{Parent: acme, Filter: filter})
		if err != nil || len(list.GetPartners()) != want {
			t.Errorf("ListPartners(%q) = %v, %v, want %d", filter, list, err, want)
		}
	}
	w.partners.Owner = ""
	equal(t, "what is for all partners", mihir.got(t, other.GetName()), other)
}

func TestVersion(t *testing.T) {
	for etag, want := range map[string]int64{
		"": 0, "1": 1, "9223372036854775807": math.MaxInt64,
		"0": -1, "-1": -1, "01": -1, "+1": -1, " 1": -1, "9223372036854775808": -1, "junk": -1, "*": -1,
	} {
		if got := Version(etag); got != want {
			t.Errorf("Version(%q) = %d, want %d", etag, got, want)
		}
		if want > 0 && Etag(want) != etag {
			t.Errorf("Etag(%d) = %q, want %q", want, Etag(want), etag)
		}
	}
}

func TestWithinPutsPathsBelowAField(t *testing.T) {
	err := Within("requests[1]", fault.Invalid(fault.Field{Path: "a", Reason: "A"}, fault.Field{Path: "b.c", Reason: "B"}))
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) != 2 || e.Fields[0].Path != "requests[1].a" || e.Fields[1].Path != "requests[1].b.c" || e.Fields[1].Reason != "B" {
		t.Errorf("Within = %+v", err)
	}
	for _, err := range []error{nil, context.Canceled, fault.NotFound("x")} {
		if got := Within("field", err); !errors.Is(got, err) {
			t.Errorf("Within of %v = %v, want it as it is", err, got)
		}
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{table.ErrNotFound: "NOT_FOUND", table.ErrExists: "ALREADY_EXISTS"} {
		if got := fault.Reason(Explain(acme, err)); got != want {
			t.Errorf("Explain(%v) = %s, want %s", err, got, want)
		}
	}
	for _, err := range []error{nil, context.Canceled} {
		if got := Explain(acme, err); !errors.Is(got, err) {
			t.Errorf("Explain(%v) = %v, want it as it is", err, got)
		}
	}
}

func equal(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// refused checks the code and the reason that a caller sees.
func refused(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	var got string
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			got = info.GetReason()
		}
	}
	if status.Code(err) != code || got != reason {
		t.Errorf("%s: %v for %q, want %v for %s", what, err, got, code, reason)
	}
}
