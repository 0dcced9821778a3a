package journey_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestIngestTouchpoints(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"every message is answered, in order":                    testIngestOrder,
		"what is wrong with an item stays with it":               testIngestItems,
		"what came before a message that is refused is answered": testIngestRefused,
	})
}

type ingesting = journeyv1.TouchpointService_IngestTouchpointsClient

func (s *suite) ingest(t *testing.T) ingesting {
	t.Helper()
	stream, err := s.IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// answers reads a stream to its end.
func answers(stream ingesting) (all []*journeyv1.IngestTouchpointsResponse, err error) {
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
}

// send sends a message and, as a client must, does not wait for the answer.
func send(t *testing.T, stream ingesting, parent string, items ...*journeyv1.RecordTouchpointRequest) {
	t.Helper()
	if err := stream.Send(&journeyv1.IngestTouchpointsRequest{Parent: parent, Requests: items}); err != nil {
		t.Fatal(err)
	}
}

func testIngestOrder(t *testing.T, s *suite) {
	const messages, size = 25, 40
	stream := s.ingest(t)
	go func() {
		for m := range messages {
			req := &journeyv1.IngestTouchpointsRequest{Parent: "brands/acme"}
			for i := range size {
				req.Requests = append(req.Requests, visit(fmt.Sprint("c", i), fmt.Sprint(m/2, "-", i), noon)) // each message twice
			}
			if err := stream.Send(req); err != nil {
				t.Error(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	all, err := answers(stream)
	if err != nil || len(all) != messages {
		t.Fatalf("%d answers, %v, want %d", len(all), err, messages)
	}
	for m, answer := range all {
		want := recorded
		if m%2 == 1 {
			want = repeated
		}
		if answer.GetAnsweredCount() != int64((m+1)*size) {
			t.Errorf("answer %d counts %d", m, answer.GetAnsweredCount())
		}
		for i, r := range answer.GetResults() {
			if r.GetOutcome() != want || r.GetName() == "" {
				t.Errorf("item %d of message %d: %v, want %v", i, m, r, want)
			}
		}
	}
	if got := len(s.list(t, "c7", 200)); got != (messages+1)/2 {
		t.Errorf("c7 has %d touchpoints, want %d", got, (messages+1)/2)
	}
}

func testIngestItems(t *testing.T, s *suite) {
	stream := s.ingest(t)
	bad := visit("ann", "e2", noon)
	bad.Touchpoint.EventTime = nil
	other := visit("ann", "e1", noon.Add(time.Hour))
	send(t, stream, "brands/acme", visit("ann", "e1", noon), bad, other, visit("ann", "e3", noon))
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []journeyv1.RecordTouchpointResult_Outcome
	for _, r := range answer.GetResults() {
		outcomes = append(outcomes, r.GetOutcome())
	}
	if got, want := fmt.Sprint(outcomes), fmt.Sprint([]any{recorded, refusal, refusal, recorded}); got != want {
		t.Errorf("outcomes = %s, want %s", got, want)
	}
	if got := codes.Code(answer.GetResults()[1].GetError().GetCode()); got != codes.InvalidArgument { //nolint:gosec // a code
		t.Errorf("the item without a time: %v", got)
	}
	if got := codes.Code(answer.GetResults()[2].GetError().GetCode()); got != codes.AlreadyExists { //nolint:gosec // a code
		t.Errorf("the event with other content: %v", got)
	}
}

func testIngestRefused(t *testing.T, s *suite) {
	for name, last := range map[string]*journeyv1.IngestTouchpointsRequest{
		"empty":         {Parent: "brands/acme"},
		"another brand": {Parent: "brands/other", Requests: []*journeyv1.RecordTouchpointRequest{visit("ann", "e9", noon)}},
	} {
		stream := s.ingest(t)
		send(t, stream, "brands/acme", visit("ann", name+"1", noon))
		send(t, stream, "brands/acme", visit("ann", name+"2", noon))
		if err := stream.Send(last); err != nil {
			t.Fatal(err)
		}
		all, err := answers(stream)
		refused(t, err, codes.InvalidArgument)
		if len(all) != 2 {
			t.Errorf("%s: %d answers, want those to the messages before", name, len(all))
		}
	}
	if got := len(s.list(t, "ann", 0)); got != 4 {
		t.Errorf("ann has %d touchpoints, want 4", got)
	}
}

// TestTheSameEventsGiveTheSameScores sends 5,000 events sorted, reversed, each three
// times, and by chance, to both databases, and compares the scores byte by byte.
func TestTheSameEventsGiveTheSameScores(t *testing.T) {
	const events, people = 5000, 40
	random := rand.New(rand.NewPCG(5, 6))
	sorted := make([]*journeyv1.RecordTouchpointRequest, events)
	for i := range sorted {
		p := visit(fmt.Sprint("c", random.IntN(people)), fmt.Sprint("e", i), noon.Add(time.Duration(i-events)*3*time.Hour))
		p.Touchpoint.Expectation = typev1.Expectation(random.IntN(4)) //nolint:gosec // below 4
		p.Touchpoint.Stage = typev1.Stage(1 + random.IntN(5))         //nolint:gosec // 1 to 5
		p.Touchpoint.Channel = typev1.Channel(1 + random.IntN(15))    //nolint:gosec // 1 to 15
		if random.IntN(3) == 0 {
			p.Touchpoint.Measurement = &journeyv1.Measurement{Rating: int32(random.IntN(11)), Max: 10} //nolint:gosec // 0 to 10
		}
		sorted[i] = p
	}
	orders := map[string][]*journeyv1.RecordTouchpointRequest{"sorted": sorted}
	for i := range sorted {
		orders["reversed"] = append(orders["reversed"], sorted[events-1-i])
	}
	for range 3 {
		for _, i := range random.Perm(events) {
			orders["tripled"] = append(orders["tripled"], sorted[i])
		}
	}
	for _, i := range random.Perm(events) {
		orders["by chance"] = append(orders["by chance"], sorted[i])
	}
	want := map[string]string{}
	at := timestamppb.New(noon)
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for name, order := range orders {
			s := start(t, open(t))
			stream := s.ingest(t)
			go func() {
				for len(order) > 0 {
					n := min(len(order), 1+random.IntN(1000))
					if err := stream.Send(&journeyv1.IngestTouchpointsRequest{Parent: "brands/acme", Requests: order[:n]}); err != nil {
						t.Error(err)
						break
					}
					order = order[n:]
				}
				if err := stream.CloseSend(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := answers(stream); err != nil {
				t.Fatal(err)
			}
			for c := range people {
				name := fmt.Sprint(name, " c", c)
				score, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: fmt.Sprint("brands/acme/customers/c", c, "/score"), AsOfTime: at})
				if err != nil {
					t.Fatal(err)
				}
				score.Basis.ReadTime = nil
				got, err := proto.MarshalOptions{Deterministic: true}.Marshal(score)
				if err != nil {
					t.Fatal(err)
				}
				key := fmt.Sprint("c", c)
				if first, known := want[key]; !known {
					want[key] = string(got)
				} else if first != string(got) {
					t.Errorf("%s has another score: %v", name, score)
				}
			}
		}
	})
}
