package importer

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A faulty is a way to the services on which some calls of a method fail.
type faulty struct {
	grpc.ClientConnInterface
	method string
	code   codes.Code
	after  bool // the call has its effect and only the answer is lost
	times  *atomic.Int64
}

func (f faulty) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	if !strings.HasSuffix(method, f.method) || f.times.Add(-1) < 0 {
		return f.ClientConnInterface.Invoke(ctx, method, req, answer, opts...)
	}
	if f.after {
		if err := f.ClientConnInterface.Invoke(ctx, method, req, answer, opts...); err != nil {
			return err
		}
	}
	return status.Error(f.code, "injected")
}

func TestALostAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	conn := start(t)
	for i, method := range []string{"/CreateTicket", "/CreateInteraction", "/ResolveTicket", "/SubmitResponse", "/BatchRecordTouchpoints", "/CreateSurvey"} {
		opt := folder(t, calls, dirty())
		opt.Brand = "b" + string(rune('0'+i))
		var lost atomic.Int64
		lost.Store(2)
		r := mustRun(t, faulty{conn, method, codes.Unavailable, true, &lost}, opt)
		if got := lost.Load(); got >= 0 {
			t.Errorf("%s: %d answers were not lost", method, got+1)
		}
		for _, c := range r.Counts {
			if c.Repeated != 0 {
				t.Errorf("after a lost answer to %s: %+v", method, c)
			}
		}
	}
}

func TestWhatNoRowCanHelpStopsTheImport(t *testing.T) {
	t.Parallel()
	conn := start(t)
	opt := folder(t, calls, dirty())
	for _, tt := range []struct {
		method, want string
	}{
		{"/GetBrand", "injected"},
		{"/CreateTouchpointDefinition", "make brands/b/touchpointDefinitions/call-queue"},
		{"/BatchRecordTouchpoints", "calls.csv:2: stopped at the batch of"},
		{"/SubmitResponse", "ratings.csv:"},
	} {
		var always atomic.Int64
		always.Store(1 << 40)
		r, err := Run(t.Context(), faulty{conn, tt.method, codes.PermissionDenied, false, &always}, opt)
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: error = %v, want PERMISSION_DENIED", tt.method, err)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want one with %q", tt.method, err, tt.want)
		}
		if began := tt.method != "/GetBrand"; (r != nil) != began {
			t.Errorf("%s: report = %v, want one only if something began", tt.method, r)
		}
	}
	if c := mustRun(t, conn, opt).of("responses"); c.Sent+c.Repeated != 2 {
		t.Errorf("responses after going on = %+v, want 2 of them there", c)
	}
}

func TestACancelledImportSaysSo(t *testing.T) {
	t.Parallel()
	conn := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, conn, folder(t, calls, dirty())); err == nil {
		t.Error("an import with a dead context succeeded")
	}
}
