package fault

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc/status"
)

func TestFieldsComeBackFromAFaultAndFromTheErrorOfACall(t *testing.T) {
	want := []Field{{Path: "ticket.subject", Reason: "string.min_len", Description: "must not be empty"}, {Path: "etag", Description: "is too long"}}
	err := Invalid(want...)
	for what, err := range map[string]error{"the fault": err, "the error": status.Convert(err).Err()} {
		if got := Fields(err); !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, want %v", what, got, want)
		}
	}
	for _, err := range []error{nil, errors.New("else"), NotFound("brands/acme")} {
		if got := Fields(err); len(got) > 0 {
			t.Errorf("%v has the fields %v", err, got)
		}
	}
}

func TestWhatIsWrongWithTheWholeRequestNamesNoField(t *testing.T) {
	err := Invalid(Field{Description: "one of a and b must be given"}, Field{Path: "c", Description: "must be given"})
	if want := "one of a and b must be given; c: must be given"; err.Error() != want {
		t.Errorf("the message is %q, want %q", err, want)
	}
}
