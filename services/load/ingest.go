package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/types/known/timestamppb"
	_ "modernc.org/sqlite" // the driver

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey"
)

const batchSize = 1000

// span is how many minutes back the touchpoints of batches lie at most: nobody
// records what has not happened yet.
const span = 100_000

// batch makes number n of the batches of so many customers, who each come for a
// while and touch two stages. The ids of its events rise with the time.
func batch(parent string, n int64, customers int) *journeyv1.BatchRecordTouchpointsRequest {
	definitions := [...]string{"online-ad", "website-visit", "checkout", "product-use", "referral"}
	for i := range definitions {
		definitions[i] = parent + "/touchpointDefinitions/" + definitions[i]
	}
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: parent, RequestId: requestID()}
	for i := range batchSize {
		c := i % customers
		if customers < batchSize {
			c += int(n%10) * customers
		}
		definition := definitions[(c+(i/customers+int(n))%2)%len(definitions)]
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: parent + "/customers/c-" + strconv.Itoa(c),
			Touchpoint: &journeyv1.Touchpoint{
				Definition: definition, EventTime: timestamppb.New(at(n, i)),
				Source: "web", EventId: requestID(), Expectation: typev1.Expectation_EXPECTATION_MET,
			},
		})
	}
	return req
}

// at returns when touchpoint i of batch n took place.
func at(n int64, i int) time.Time {
	return time.Now().Add(time.Duration(i-batchSize)*time.Second - time.Duration(span-n%span)*time.Minute)
}

// ingest records touchpoints by the thousand, of a hundred customers a batch, or
// scattered over a thousand, or of events whose ids are random.
func (s *server) ingest(how string) func(context.Context, int64) error {
	customers := batchSize / 10
	if how == "scattered" {
		customers = batchSize
	}
	c := journeyv1.NewTouchpointServiceClient(s.conns[0])
	return func(ctx context.Context, n int64) error {
		req := batch(brand, n, customers)
		if strings.HasSuffix(how, "random") {
			for _, r := range req.GetRequests() {
				r.Touchpoint.EventId = uuid.NewString()
			}
		}
		answer, err := c.BatchRecordTouchpoints(ctx, req)
		for i, r := range answer.GetResults() {
			if r.GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_RECORDED {
				return fmt.Errorf("touchpoint %d of batch %d: %v %s", i, n, r.GetOutcome(), r.GetError().GetMessage())
			}
		}
		return err
	}
}

const rawColumns = `brand, id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase,
	expectation, is_service, weight, digest`

// rawRow returns the columns of row i of batch n.
func rawRow(n int64, i int) []any {
	us, event := at(n, i).UnixMicro(), uuid.Must(uuid.NewV7())
	return []any{
		"load", strings.ToLower(ulid.ULID(event).String()), fmt.Sprint("c-", int64(i%100)+n%10*100), "website-visit", us, us, "web",
		event.String(), int64(6), int64(i%5 + 1), int64(1), int64(2), int64(0), 1.0, us << 12,
	}
}

// rawRows is the limit of ingest: the same rows into the same table of a file of its
// own, with the same settings, a thousand a transaction and fifty a statement.
func (l *lab) rawRows(ctx context.Context) (path, error) {
	file := filepath.Join(l.dir, "raw.db")
	if err := migrate(ctx, "sqlite:"+file); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=synchronous(full)"+
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-65536)&_pragma=temp_store(memory)&_pragma=wal_autocheckpoint(40000)")
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, db.Close)
	db.SetMaxOpenConns(1)
	const part = 50
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(rawRow(0, 0))), ",") + ")"
	insert, err := db.PrepareContext(ctx, `INSERT INTO touchpoint (`+rawColumns+`) VALUES `+
		strings.TrimSuffix(strings.Repeat(row+",", part), ","))
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, insert.Close)
	lp := loop{callers: 1, weight: batchSize, op: func(ctx context.Context, n int64) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // it is committed, or failed already
		stmt := tx.StmtContext(ctx, insert)
		for from := 0; from < batchSize; from += part {
			var args []any
			for i := from; i < from+part; i++ {
				args = append(args, rawRow(n, i)...)
			}
			if _, err := stmt.ExecContext(ctx, args...); err != nil {
				return err
			}
		}
		return tx.Commit()
	}}
	return func(ctx context.Context, length time.Duration) (sample, error) {
		return lp.measure(ctx, length, &l.counter)
	}, nil
}

// migrate makes the tables of the journey service in an empty database.
func migrate(ctx context.Context, url string) error {
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = journey.New(ctx, db, journey.Config{})
	if e := db.Close(); err == nil {
		err = e
	}
	return err
}
