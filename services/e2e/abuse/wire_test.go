package abuse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const createTicket = ticketv1.TicketService_CreateTicket_FullMethodName

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

// sending is a test that sends bytes to a method and expects the code.
func sending(method string, message []byte, code codes.Code, opts ...grpc.CallOption) test {
	return func(t *testing.T, s *suite) {
		before := s.settled(t)
		var got []byte
		opts := append([]grpc.CallOption{grpc.ForceCodecV2(raw{}), grpc.MaxCallSendMsgSize(1 << 30)}, opts...)
		if err := s.conn.Invoke(t.Context(), method, message, &got, opts...); status.Code(err) != code {
			t.Errorf("error = %v, want %v", err, code)
		}
		if code != codes.OK {
			s.unchanged(t, before)
		}
	}
}

// post is a call of REST with a body.
func post(path, body string) webRequest { return webRequest{method: "POST", path: path, body: body} }

// get is a call of REST without one.
func get(path string) webRequest { return webRequest{method: "GET", path: path} }

func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // the message is a literal of ours
	}
	return b
}

// field returns the bytes of a field of the type that holds other things.
func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// wireRows are about messages as bytes.
func wireRows() []row {
	const tickets = "/v1/brands/acme/tickets"
	valid := encode(newTicket())
	nested := append(bytes.Repeat(protowire.AppendTag(nil, 500, protowire.StartGroupType), 10_002),
		bytes.Repeat(protowire.AppendTag(nil, 500, protowire.EndGroupType), 10_002)...)
	pairs := field(2, bytes.Repeat(field(20, nil), 1e6))
	return []row{
		{
			"A14", "4 MiB and a byte",
			sending(createTicket, make([]byte, 4<<20+1), codes.ResourceExhausted),
			mustPost(tickets, `{"subject":"`+strings.Repeat("x", 4<<20)+`"}`, 413),
		},
		{id: "A14", name: "1 MiB and a byte, where no batch is expected", grpc: sending(createTicket, make([]byte, 1<<20+1), invalid)},
		{id: "A15", name: "an unknown field is neither refused nor stored", grpc: unknownField},
		{"A16", "text that is not UTF-8", sending(createTicket, field(1, []byte("brands/\xff")), invalid), mustPost(tickets, "{\"subject\":\"\xff\"}", 400)},
		{
			"A17", "10,001 levels",
			sending(createTicket, append(bytes.Clone(valid), nested...), invalid),
			mustPost(tickets, strings.Repeat(`{"a":`, 10_001)+"1"+strings.Repeat("}", 10_001), 400),
		},
		{"A18", "a map of a million pairs", sending(createTicket, append(bytes.Clone(valid), pairs...), invalid), manyPairs},
		{id: "A19", name: "100,000 items", rest: mustPost("/v1/brands/acme/touchpoints:batchRecord", `{"requests":[`+strings.Repeat("{},", 99_999)+"{}]}", 400)},
		{
			"A22", "a oneof set twice: on the wire the last counts, JSON refuses it",
			sending(surveyv1.ResponseService_SubmitResponse_FullMethodName, twice(words("how", "junk"), rating("how", 9)), ok),
			mustPost("/v1/brands/acme/responses", `{"survey":"`+nps+`","answers":[{"questionId":"how","rating":9,"text":"x"}]}`, 400),
		},
		{
			id: "A22", name: "and the last is validated",
			grpc: sending(surveyv1.ResponseService_SubmitResponse_FullMethodName, twice(rating("how", 9), words("how", "")), invalid),
		},
		{id: "A41", name: "a gzip bomb", grpc: sending(createTicket, make([]byte, 16<<20), codes.ResourceExhausted, grpc.UseCompressor(gzip.Name))},
	}
}

func mustPost(path, body string, code int) test { return web("", "", post(path, body), code).rest }

// twice is a response whose answer has both values, one after the other.
func twice(first, second *surveyv1.Answer) []byte {
	answer := append(encode(first), encode(&surveyv1.Answer{Value: second.GetValue()})...)
	r := &surveyv1.Response{Survey: nps, SubmitTime: noon}
	return append(encode(&surveyv1.SubmitResponseRequest{Parent: acme}), field(2, append(encode(r), field(5, answer)...))...)
}

func unknownField(t *testing.T, s *suite) {
	const canary = "from-the-future-7e31"
	valid := encode(newTicket(func(r *ticketv1.CreateTicketRequest) { r.TicketId = "future" }))
	sending(createTicket, append(valid, field(999, []byte(canary))...), ok)(t, s)
	got := must[*ticketv1.Ticket](t, s, &ticketv1.GetTicketRequest{Name: acme + "/tickets/future"})
	if len(got.ProtoReflect().GetUnknown()) > 0 {
		t.Errorf("the ticket has unknown fields: %v", got)
	}
	for _, query := range []string{
		`SELECT id FROM outbox WHERE instr(payload, $1) > 0`,
		`SELECT request_id FROM request WHERE instr(response, $1) > 0`,
		`SELECT id FROM ticket WHERE instr(subject || attributes, $1) > 0`,
	} {
		if found := s.strings(t, "ticket", query, canary); len(found) > 0 {
			t.Errorf("the unknown field is stored: %s finds %v", query, found)
		}
	}
}

// manyPairs stays below the limit in bytes.
func manyPairs(t *testing.T, s *suite) {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, `"k%d":"v",`, i)
	}
	body := strings.TrimSuffix(b.String(), ",")
	mustPost("/v1/brands/acme/tickets", `{"customer":"`+ann+`","subject":"x","channel":"CHANNEL_EMAIL","attributes":{`+body+`}}`, 400)(t, s)
}
