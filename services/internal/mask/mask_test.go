package mask

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// before is what is stored, after what an update brings.
func before() *ticketv1.Ticket {
	return &ticketv1.Ticket{
		Name: "brands/acme/tickets/7", Subject: "Refund", Priority: ticketv1.Ticket_PRIORITY_LOW, State: ticketv1.Ticket_STATE_OPEN,
		Attributes: map[string]string{"tenure": "0-30", "region": "north"}, Etag: "1", Avoidable: true,
		OpenTime:     &timestamppb.Timestamp{Seconds: 1},
		RedressSteps: []*ticketv1.Ticket_RedressStep{{Title: "Call"}, {Title: "Write"}},
	}
}

func after() *ticketv1.Ticket {
	return &ticketv1.Ticket{
		Name: "brands/acme/tickets/8", Subject: "Repair", State: ticketv1.Ticket_STATE_CLOSED, Etag: "2", ReopenCount: 3,
		Attributes: map[string]string{"tenure": "31-60"}, OpenTime: &timestamppb.Timestamp{Seconds: 2},
		RedressSteps: []*ticketv1.Ticket_RedressStep{{Title: "Visit"}},
	}
}

func TestApply(t *testing.T) {
	type ticket = ticketv1.Ticket
	for _, tt := range []struct {
		name  string
		paths []string // nil: no mask at all
		want  func(*ticket)
	}{
		{"no mask takes what is set", nil, func(w *ticket) {
			w.Subject, w.Attributes, w.OpenTime, w.RedressSteps = "Repair", after().Attributes, after().OpenTime, after().RedressSteps
		}},
		{"a star takes what is not set too", []string{"*"}, func(w *ticket) {
			name, state, etag := w.Name, w.State, w.Etag
			w.Reset()
			w.Name, w.State, w.Etag = name, state, etag
			w.Subject, w.Attributes, w.OpenTime, w.RedressSteps = "Repair", after().Attributes, after().OpenTime, after().RedressSteps
		}},
		{"one field", []string{"subject"}, func(w *ticket) { w.Subject = "Repair" }},
		{"a field twice", []string{"subject", "subject"}, func(w *ticket) { w.Subject = "Repair" }},
		{"a field that is not set is cleared", []string{"priority", "avoidable"}, func(w *ticket) { w.Priority, w.Avoidable = 0, false }},
		{"a list as a whole", []string{"redress_steps"}, func(w *ticket) { w.RedressSteps = after().RedressSteps }},
		{"a message as a whole", []string{"open_time"}, func(w *ticket) { w.OpenTime = after().OpenTime }},
		{"a map as a whole", []string{"attributes"}, func(w *ticket) { w.Attributes = after().Attributes }},
		{"a key of a map", []string{"attributes.tenure"}, func(w *ticket) { w.Attributes["tenure"] = "31-60" }},
		{"a key that is not set", []string{"attributes.region"}, func(w *ticket) { delete(w.Attributes, "region") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, want := before(), before()
			tt.want(want)
			var mask *fieldmaskpb.FieldMask
			if tt.paths != nil {
				mask = &fieldmaskpb.FieldMask{Paths: tt.paths}
			}
			if err := Apply(got, after(), mask); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("stored = %v\nwant %v", got, want)
			}
		})
	}
}

func TestMasksThatAreRefusedChangeNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		paths  []string
		reason string
	}{
		{"T42 an empty mask", nil, "mask.empty"},
		{"T43 an unknown field", []string{"subject", "color"}, "mask.unknown"},
		{"an empty path", []string{""}, "mask.unknown"},
		{"the JSON name of a field", []string{"openTime"}, "mask.unknown"},
		{"a star beside others", []string{"subject", "*"}, "mask.unknown"},
		{"T44 a field that only the server sets", []string{"subject", "state"}, "mask.output_only"},
		{"the name", []string{"name"}, "mask.output_only"},
		{"the etag", []string{"etag"}, "mask.output_only"},
		{"a part of a text", []string{"subject.first"}, "mask.unknown"},
		{"a part of a time", []string{"open_time.seconds"}, "mask.unknown"},
		{"a part of a list", []string{"redress_steps.title"}, "mask.unknown"},
		{"a part of a field that only the server sets", []string{"create_time.seconds"}, "mask.output_only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := before()
			err := Apply(got, after(), &fieldmaskpb.FieldMask{Paths: tt.paths})
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || len(f.Fields) != 1 || f.Fields[0].Path != "update_mask" || f.Fields[0].Reason != tt.reason {
				t.Errorf("Apply = %#v, want one violation of update_mask by %s", err, tt.reason)
			}
			if !proto.Equal(got, before()) {
				t.Errorf("stored = %v, want it as it was", got)
			}
		})
	}
}

func TestAnErrorQuotesLittleOfTheMask(t *testing.T) {
	paths := make([]string, 100_000)
	paths[0] = strings.Repeat("x", 100_000)
	err := Apply(before(), after(), &fieldmaskpb.FieldMask{Paths: paths})
	if err == nil || len(err.Error()) > 4000 {
		t.Errorf("the error has %d bytes, want at most 4000", len(err.Error()))
	}
}

func TestAPathLeadsIntoAMessage(t *testing.T) {
	stored := &ticketv1.SlaPolicy{Conditions: &ticketv1.SlaPolicy_Conditions{Priorities: []ticketv1.Ticket_Priority{1}, Partners: []string{"a"}}}
	patch := &ticketv1.SlaPolicy{Conditions: &ticketv1.SlaPolicy_Conditions{Priorities: []ticketv1.Ticket_Priority{2, 3}, Partners: []string{"b"}}}
	path := &fieldmaskpb.FieldMask{Paths: []string{"conditions.priorities"}}
	want := proto.CloneOf(stored)
	want.Conditions.Priorities = patch.Conditions.Priorities
	if err := Apply(stored, patch, path); err != nil || !proto.Equal(stored, want) {
		t.Errorf("stored = %v, %v\nwant %v", stored, err, want)
	}
	want.Conditions.Priorities = nil
	if err := Apply(stored, &ticketv1.SlaPolicy{}, path); err != nil || !proto.Equal(stored, want) {
		t.Errorf("stored = %v, %v\nwant %v", stored, err, want)
	}
	empty := &ticketv1.SlaPolicy{}
	if err := Apply(empty, &ticketv1.SlaPolicy{}, path); err != nil || empty.Conditions != nil {
		t.Errorf("stored = %v, %v, want no conditions: nothing is in them", empty, err)
	}
}

func TestApplyKeepsNothingOfThePatch(t *testing.T) {
	for _, paths := range [][]string{{"*"}, {"open_time", "redress_steps", "attributes"}} {
		stored, patch := before(), after()
		if err := Apply(stored, patch, &fieldmaskpb.FieldMask{Paths: paths}); err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(stored)
		patch.OpenTime.Seconds, patch.RedressSteps[0].Title, patch.Attributes["tenure"] = 9, "changed", "changed"
		if !proto.Equal(stored, want) {
			t.Errorf("stored = %v after the patch changed, want %v", stored, want)
		}
	}
}

func TestFieldsThatAreNotMaskedNeverChange(t *testing.T) {
	fields := before().ProtoReflect().Descriptor().Fields()
	var paths []string
	for i := range fields.Len() {
		if changeable(fields.Get(i)) {
			paths = append(paths, string(fields.Get(i).Name()))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 1, len(paths), rapid.ID).Draw(t, "paths")
		stored, patch := before(), after()
		if rapid.Bool().Draw(t, "the other way") {
			stored, patch = after(), before()
		}
		was := proto.CloneOf(stored)
		if err := Apply(stored, patch, &fieldmaskpb.FieldMask{Paths: chosen}); err != nil {
			t.Fatal(err)
		}
		masked := map[protoreflect.Name]bool{}
		for _, p := range chosen {
			masked[protoreflect.Name(p)] = true
		}
		for i := range fields.Len() {
			fd := fields.Get(i)
			want := was.ProtoReflect()
			if masked[fd.Name()] {
				want = patch.ProtoReflect()
			}
			if got := stored.ProtoReflect(); got.Has(fd) != want.Has(fd) || !got.Get(fd).Equal(want.Get(fd)) {
				t.Fatalf("%s = %v, want %v", fd.Name(), got.Get(fd), want.Get(fd))
			}
		}
	})
}

// A message inside a resource is replaced as a whole, so nothing in it may be the
// server's.
func TestTheContractsKeepWhatTheServerSetsAtTheTop(t *testing.T) {
	resources := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("concentric.ticket.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			md := file.Messages().Get(i)
			if !strings.HasPrefix(string(md.Name()), "Update") || md.Fields().ByName("update_mask") == nil {
				continue
			}
			resources++
			resource := md.Fields().Get(0).Message()
			for _, name := range []protoreflect.Name{"name", "etag"} {
				if fd := resource.Fields().ByName(name); fd == nil || changeable(fd) {
					t.Errorf("%s.%s can be changed", resource.Name(), name)
				}
			}
			for j := range resource.Fields().Len() {
				inside := resource.Fields().Get(j).Message()
				for k := 0; inside != nil && k < inside.Fields().Len(); k++ {
					if changeable(resource.Fields().Get(j)) && !changeable(inside.Fields().Get(k)) {
						t.Errorf("%s is set by the server, within what callers change", inside.Fields().Get(k).FullName())
					}
				}
			}
		}
		return true
	})
	if resources == 0 {
		t.Error("no update request was found")
	}
}
