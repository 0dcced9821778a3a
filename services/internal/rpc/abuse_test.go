package rpc

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// raw sends and receives bytes as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// with returns a valid request to create a ticket that change made worse.
func with(change func(*ticketv1.CreateTicketRequest)) *ticketv1.CreateTicketRequest {
	req := create()
	change(req)
	return req
}

func TestRequestsThatBreakTheContractAreRefusedFieldByField(t *testing.T) {
	type req = ticketv1.CreateTicketRequest
	both(t, newTickets(Config{}, tickets{}), func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, tt := range []struct {
			name, field string
			req         *req
		}{
			{"A02 a request_id that is no UUID", "request_id", with(func(r *req) { r.RequestId = "seven" })},
			{"A02 a request_id of 65 characters", "request_id", with(func(r *req) { r.RequestId = strings.Repeat("a", 65) })},
			{"A20 an unknown enum value", "ticket.channel", with(func(r *req) { r.Ticket.Channel = 9999 })},
			{"A20 an unknown enum value in a field without a rule", "ticket.state", with(func(r *req) { r.Ticket.State = 77 })},
			{"A21 a message that is missing", "ticket", with(func(r *req) { r.Ticket = nil })},
			{"A23 a time before the year 1", "ticket.create_time", with(func(r *req) { r.Ticket.CreateTime = &timestamppb.Timestamp{Seconds: math.MinInt64} })},
			{"A23 a time after the year 9999", "ticket.create_time", with(func(r *req) { r.Ticket.CreateTime = &timestamppb.Timestamp{Seconds: 253402300800} })},
			{"A23 a time with negative nanos", "ticket.create_time", with(func(r *req) { r.Ticket.CreateTime = &timestamppb.Timestamp{Nanos: -1} })},
			{"A23 a time that the contract excludes", "ticket.open_time", with(func(r *req) { r.Ticket.OpenTime.Seconds = -1 })},
			{"A27 a NUL", "ticket.subject", with(func(r *req) { r.Ticket.Subject = "a\x00b" })},
			{"A27 a NUL in the value of a map", `ticket.attributes["tenure"]`, with(func(r *req) { r.Ticket.Attributes["tenure"] = "\x00" })},
			{"A27 a NUL in the key of a map", `ticket.attributes["a\x00"]`, with(func(r *req) { r.Ticket.Attributes = map[string]string{"a\x00": "b"} })},
			{"A27 a NUL in a field without a rule", "ticket.name", with(func(r *req) { r.Ticket.Name = "\x00" })},
			{"A28 too many combining marks", "ticket.subject", with(func(r *req) { r.Ticket.Subject = "a" + strings.Repeat("\u0301", 100_000) })},
			{"A31 a UUID without dashes", "request_id", with(func(r *req) { r.RequestId = "6ba7b8109dad11d180b400c04fd430c8" })},
			{"A31 the nil UUID", "request_id", with(func(r *req) { r.RequestId = "00000000-0000-0000-0000-000000000000" })},
			{"A33 a name with more segments", "parent", with(func(r *req) { r.Parent = "brands/acme/tickets/7" })},
			{"too many pairs", "ticket.attributes", with(func(r *req) {
				for i := range 21 {
					r.Ticket.Attributes["k"+strings.Repeat("x", i)] = "v"
				}
			})},
		} {
			t.Run(tt.name, func(t *testing.T) {
				_, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(t.Context(), tt.req)
				s := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
				bad := detail[*errdetails.BadRequest](s)
				if len(bad.GetFieldViolations()) == 0 {
					t.Fatalf("no field is named: %v", s)
				}
				v := bad.GetFieldViolations()[0]
				if strings.Contains(tt.name, "NUL") && v.GetReason() != "string.nul" {
					t.Errorf("reason = %q, want string.nul", v.GetReason())
				}
				if v.GetField() != tt.field || v.GetDescription() == "" || v.GetReason() == "" {
					t.Errorf("violation = %q %q %q, want one of %s", v.GetField(), v.GetDescription(), v.GetReason(), tt.field)
				}
			})
		}
	})
}

func TestPagesOfNegativeSizeAndListsTooLongAreRefused(t *testing.T) {
	both(t, newTickets(Config{}, tickets{}), func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, tt := range []struct {
			name string
			req  *ticketv1.ListTicketsRequest
		}{
			{"A35 a negative page_size", &ticketv1.ListTicketsRequest{Parent: "brands/acme", PageSize: -1}},
			{"A26 the smallest int32", &ticketv1.ListTicketsRequest{Parent: "brands/acme", PageSize: math.MinInt32}},
			{"A19 a million elements that each break a rule", &ticketv1.ListTicketsRequest{Parent: "brands/acme", States: make([]ticketv1.Ticket_State, 1e6)}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				_, err := ticketv1.NewTicketServiceClient(conn).ListTickets(t.Context(), tt.req)
				s := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
				if n := len(detail[*errdetails.BadRequest](s).GetFieldViolations()); n != 1 {
					t.Errorf("%d violations, want 1", n)
				}
			})
		}
	})
}

// nesting is an unknown group within a group and so on.
func nesting(depth int) []byte {
	return append(bytes.Repeat(protowire.AppendTag(nil, 500, protowire.StartGroupType), depth),
		bytes.Repeat(protowire.AppendTag(nil, 500, protowire.EndGroupType), depth)...)
}

func TestBytesThatAreNoMessageAreRefused(t *testing.T) {
	valid, err := proto.Marshal(create())
	if err != nil {
		t.Fatal(err)
	}
	badText := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "brands/\xff")
	pair := protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), nil)
	pairs := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(valid), 2, protowire.BytesType), bytes.Repeat(pair, 1e6))
	unknown := protowire.AppendString(protowire.AppendTag(bytes.Clone(valid), 999, protowire.BytesType), "from the future")
	conn := connect(t, listen(t, newTickets(Config{}, tickets{})))
	for _, tt := range []struct {
		name   string
		sent   []byte
		code   codes.Code
		reason string
	}{
		{"A14 4 MiB and a byte", make([]byte, 4<<20+1), codes.ResourceExhausted, ""},
		{"1 MiB and a byte, where no batch is expected", make([]byte, 1<<20+1), codes.InvalidArgument, "MESSAGE_TOO_LARGE"},
		{"A15 an unknown field", unknown, codes.OK, ""},
		{"A16 text that is not UTF-8", badText, codes.InvalidArgument, "MALFORMED_MESSAGE"},
		{"A17 messages in messages", append(bytes.Clone(valid), nesting(10_002)...), codes.InvalidArgument, "MALFORMED_MESSAGE"},
		{"A18 a map of a million entries", pairs, codes.InvalidArgument, "MESSAGE_TOO_LARGE"},
		{"a message cut off", valid[:len(valid)-1], codes.InvalidArgument, "MALFORMED_MESSAGE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var answer []byte
			err := conn.Invoke(t.Context(), ticketv1.TicketService_CreateTicket_FullMethodName, tt.sent, &answer, grpc.ForceCodecV2(raw{}))
			refused(t, err, tt.code, tt.reason)
		})
	}
}

func TestUnknownFieldsAreNotRefusedAndTheLastOfARepeatedFieldCounts(t *testing.T) {
	conn := connect(t, listen(t, newTickets(Config{}, tickets{})))
	name := func(s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), s)
	}
	var answer []byte // A22, as far as this contract has it
	err := conn.Invoke(t.Context(), ticketv1.TicketService_GetTicket_FullMethodName,
		append(name("junk"), name("brands/acme/tickets/8")...), &answer, grpc.ForceCodecV2(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	got := &ticketv1.Ticket{}
	if err := proto.Unmarshal(answer, got); err != nil {
		t.Fatal(err)
	}
	if got.GetName() != "brands/acme/tickets/8" {
		t.Errorf("name = %q, want the last one sent", got.GetName())
	}
}

func TestTextThatIsNotUTF8IsRefusedInsideTheProcessToo(t *testing.T) {
	c := ticketv1.NewTicketServiceClient(newTickets(Config{}, tickets{}).Local())
	_, err := c.CreateTicket(t.Context(), with(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "caf\xe9" }))
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
}

func TestNumbersThatAreNoneAreRefused(t *testing.T) { // A25: no request has a float yet
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		err := NewValidator().Message(&typev1.Estimate{Value: &x})
		s := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if got := detail[*errdetails.BadRequest](s).GetFieldViolations()[0].GetField(); got != "value" {
			t.Errorf("field = %q, want value", got)
		}
	}
	zero := 0.0
	if err := NewValidator().Message(&typev1.Estimate{Value: &zero}); err != nil {
		t.Errorf("Message(0) = %v, want nil", err)
	}
}

func TestErrorsQuoteLittleOfTheRequest(t *testing.T) {
	c := ticketv1.NewTicketServiceClient(newTickets(Config{}, tickets{}).Local())
	for _, character := range []string{"é", "\x00"} { // refused by the contract, and by the walk
		req := create()
		req.Ticket.Attributes = map[string]string{strings.Repeat(character, 100_000): ""}
		_, err := c.CreateTicket(t.Context(), req)
		s := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if n := proto.Size(s.Proto()); n > 8<<10 {
			t.Errorf("the answer has %d bytes, want at most 8 KiB", n)
		}
	}
}

func TestWhatTheTransportRefuses(t *testing.T) {
	addr := listen(t, newTickets(Config{}, tickets{}))
	conn := connect(t, addr)
	invoke := func(t *testing.T, ctx context.Context, method string, opts ...grpc.CallOption) error {
		t.Helper()
		return conn.Invoke(ctx, method, get(), &ticketv1.Ticket{}, opts...)
	}
	const method = ticketv1.TicketService_GetTicket_FullMethodName
	t.Run("A40 an unknown encoding", func(t *testing.T) {
		if got := encoded(t, addr, "reversed"); got != "12" {
			t.Errorf("grpc-status = %s, want 12", got)
		}
	})
	t.Run("A41 a gzip bomb", func(t *testing.T) {
		var answer []byte
		err := conn.Invoke(t.Context(), method, make([]byte, 64<<20), &answer,
			grpc.ForceCodecV2(raw{}), grpc.UseCompressor(gzip.Name), grpc.MaxCallSendMsgSize(1<<30))
		refused(t, err, codes.ResourceExhausted, "")
	})
	t.Run("A42 17 KiB of metadata", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-much", strings.Repeat("a", 17<<10))
		if err := invoke(t, ctx, method); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("A43 metadata nobody asked for", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-tenant-id", "victim", "x-internal-user", "root")
		if err := invoke(t, ctx, method); err != nil {
			t.Error(err)
		}
	})
	t.Run("A45 an unknown method", func(t *testing.T) {
		refused(t, invoke(t, t.Context(), "/concentric.ticket.v1.TicketService/Nope"), codes.Unimplemented, "")
	})
	t.Run("A46 an unknown service", func(t *testing.T) {
		refused(t, invoke(t, t.Context(), "/concentric.none.v1.NoneService/Get"), codes.Unimplemented, "")
	})
	t.Run("A48 HTTP/1.1", func(t *testing.T) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(c) // ends when the server closes
		if bytes.Contains(answer, []byte("HTTP/1.1")) {
			t.Errorf("answered %q", answer)
		}
	})
	if err := invoke(t, t.Context(), method); err != nil {
		t.Errorf("a good call after all that: %v", err)
	}
}

// encoded posts a message that claims to be compressed, and returns the status. A
// client of grpc-go knows no encoding that its server does not.
func encoded(t *testing.T, addr, encoding string) string {
	t.Helper()
	res := post(t, addr, "application/grpc", "\x01\x00\x00\x00\x01a", http.Header{"Grpc-Encoding": {encoding}, "Te": {"trailers"}})
	if code := res.Header.Get("Grpc-Status"); code != "" {
		return code
	}
	return res.Trailer.Get("Grpc-Status")
}

// post makes a request by HTTP/2 without TLS and reads the answer to its end.
func post(t *testing.T, addr, contentType, body string, header http.Header) *http.Response {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	url := "http://" + addr + ticketv1.TicketService_GetTicket_FullMethodName
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	req.Header.Set("Content-Type", contentType)
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

func TestContentTypesOtherThanGRPCAreRefused(t *testing.T) { // A47
	res := post(t, listen(t, newTickets(Config{}, tickets{})), "text/plain", "hi", http.Header{})
	if res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("status = %d, want 415", res.StatusCode)
	}
}

func TestConnectionsOverTheLimitAreClosedAtOnce(t *testing.T) { // A49
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis := &limitListener{Listener: tcp, max: 2}
	accepted := make(chan net.Conn, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	dial()
	first, second := <-accepted, <-accepted
	third := dial()
	if err := third.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("the third connection is open, want it closed")
	}
	_ = first.Close()
	_ = first.Close() // counts once
	dial()
	fourth := <-accepted
	if got := lis.now.Load(); got != 2 {
		t.Errorf("%d connections are counted, want 2", got)
	}
	_, _ = second.Close(), fourth.Close()
	_ = lis.Close()
	<-done
}

func TestItemsOfABatchAreLeftToTheHandler(t *testing.T) {
	srv := NewServer(Config{})
	journeyv1.RegisterTouchpointServiceServer(srv, batches{})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := journeyv1.NewTouchpointServiceClient(conn)
		items := []*journeyv1.RecordTouchpointRequest{{Parent: "brands/other/customers/ann"}, {Parent: "junk\x00"}}
		got, err := c.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: items})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.GetResults()) != len(items) {
			t.Errorf("%d results, want %d", len(got.GetResults()), len(items))
		}
		for _, n := range []int{0, 1001} {
			_, err := c.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{
				Parent: "brands/acme", Requests: make([]*journeyv1.RecordTouchpointRequest, n),
			})
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("a batch of %d: %v, want InvalidArgument", n, err)
			}
		}
	})
}

func TestABatchMayHave4MiB(t *testing.T) {
	srv := NewServer(Config{})
	journeyv1.RegisterTouchpointServiceServer(srv, batches{})
	conn := connect(t, listen(t, srv))
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	for range 1000 {
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{Parent: strings.Repeat("x", 3000)})
	}
	if _, err := journeyv1.NewTouchpointServiceClient(conn).BatchRecordTouchpoints(t.Context(), req); err != nil {
		t.Error(err)
	}
}

// batches answers a batch with as many results as it has items.
type batches struct {
	journeyv1.UnimplementedTouchpointServiceServer
}

func (batches) BatchRecordTouchpoints(_ context.Context, req *journeyv1.BatchRecordTouchpointsRequest) (*journeyv1.BatchRecordTouchpointsResponse, error) {
	return &journeyv1.BatchRecordTouchpointsResponse{Results: make([]*journeyv1.RecordTouchpointResult, len(req.GetRequests()))}, nil
}
