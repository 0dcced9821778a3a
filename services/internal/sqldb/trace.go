package sqldb

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// maxSaid is how many statements a span of a write names.
const maxSaid = 24

// traced reports whether somebody records spans. Without that reads and writes are not
// looked at.
func traced() bool {
	_, ok := otel.GetTracerProvider().(*sdktrace.TracerProvider)
	return ok
}

// A span is a write whose caller is recorded. Nil is for all others.
type span struct {
	trace.Span
	ctx  context.Context
	said []string // in the last run, without values
}

// begin begins the span of a write, if its caller is recorded.
func (db *DB) begin(ctx context.Context) *span {
	if !db.telemetry.traced || !trace.SpanFromContext(ctx).IsRecording() {
		return nil
	}
	ctx, s := otel.Tracer(scope).Start(ctx, "write", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(db.described()...))
	return &span{Span: s, ctx: ctx}
}

// described returns what all spans of a database have.
func (db *DB) described() []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("db.system.name", db.system()), attribute.String("concentric.service", db.telemetry.service)}
}

func (db *DB) system() string {
	if db.postgres {
		return "postgresql"
	}
	return "sqlite"
}

// again forgets what an earlier run has said.
func (s *span) again() {
	if s != nil {
		s.said = s.said[:0]
	}
}

// say notes a statement.
func (s *span) say(query string) {
	if s == nil || len(s.said) == maxSaid {
		return
	}
	if words := summary(query); !slices.Contains(s.said, words) {
		s.said = append(s.said, words)
	}
}

// committed adds the commit that the write shared with others.
func (s *span) committed(began time.Time, took time.Duration, writes int) {
	if s == nil {
		return
	}
	_, c := otel.Tracer(scope).Start(s.ctx, "commit", trace.WithTimestamp(began), trace.WithAttributes(attribute.Int("concentric.group.size", writes)))
	c.End(trace.WithTimestamp(began.Add(took)))
}

// end ends the span with what became of the write, after the lane is through with it.
func (s *span) end(err error) {
	if s == nil {
		return
	}
	s.SetAttributes(attribute.String("db.query.summary", strings.Join(s.said, "; ")))
	if err != nil {
		s.SetStatus(codes.Error, "") // the text may name somebody
	}
	s.End()
}

// Trace returns the trace that the write is part of, as W3C's traceparent, or "" unless
// somebody records it.
func (tx *Tx) Trace() string {
	if tx.span == nil {
		return ""
	}
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(tx.span.ctx, header)
	return header["traceparent"]
}

// summary names a statement by its verb and table, and leaves out the rest.
func summary(query string) string {
	words := strings.Fields(query)
	if len(words) == 0 {
		return ""
	}
	verb := strings.ToUpper(words[0])
	if verb == "UPDATE" || verb == "COPY" {
		return verb + table(words, 1)
	}
	verbs := []string{"INSERT", "UPDATE", "DELETE"}
	for i, w := range words {
		switch w = strings.ToUpper(strings.TrimLeft(w, "(")); {
		case w == "INTO" || w == "FROM":
			return verb + table(words, i+1)
		case verb == "WITH" && slices.Contains(verbs, w):
			verb = w
			if w == "UPDATE" {
				return verb + table(words, i+1)
			}
		}
	}
	return verb
}

// table returns the i-th word if it is a name.
func table(words []string, i int) string {
	if i >= len(words) {
		return ""
	}
	name := strings.Trim(words[i], "(),;")
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return " " + name
}

// read begins the span of a query, or returns nil unless its caller is recorded.
func (db *DB) read(ctx context.Context, query string) trace.Span {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return nil
	}
	words := summary(query)
	_, s := otel.Tracer(scope).Start(ctx, words, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(db.described()...),
		trace.WithAttributes(attribute.String("db.query.summary", words)))
	return s
}

// done ends the span of a query.
func done(s trace.Span, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// A postgresTracer makes spans of the queries of PostgreSQL's readers.
type postgresTracer struct{ db *DB }

// postgresSpan finds the span of a query.
type postgresSpan struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (t postgresTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if s := t.db.read(ctx, q.SQL); s != nil {
		return context.WithValue(ctx, postgresSpan{}, s)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (postgresTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if s, ok := ctx.Value(postgresSpan{}).(trace.Span); ok {
		done(s, q.Err)
	}
}

// TraceBatchStart implements pgx.BatchTracer. What a batch is about comes last in it.
func (t postgresTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	return t.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: b.Batch.QueuedQueries[b.Batch.Len()-1].SQL})
}

// TraceBatchQuery implements pgx.BatchTracer.
func (postgresTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t postgresTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, b pgx.TraceBatchEndData) {
	t.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{Err: b.Err})
}

// A sqliteConn is what database/sql makes use of in a connection of SQLite.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// A tracedConn makes spans of queries.
type tracedConn struct {
	sqliteConn
	db *DB
}

// QueryContext implements driver.QueryerContext.
func (c tracedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s := c.db.read(ctx, query)
	rows, err := c.sqliteConn.QueryContext(ctx, query, args)
	done(s, err)
	return rows, err
}

// PrepareContext implements driver.ConnPrepareContext.
func (c tracedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if whole, ok := stmt.(sqliteStmt); ok {
		return tracedStmt{whole, c.db, query}, err
	}
	return stmt, err
}

// A sqliteStmt is what database/sql makes use of in a statement of SQLite.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type tracedStmt struct {
	sqliteStmt
	db    *DB
	query string
}

// QueryContext implements driver.StmtQueryContext.
func (s tracedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	span := s.db.read(ctx, s.query)
	rows, err := s.sqliteStmt.QueryContext(ctx, args)
	done(span, err)
	return rows, err
}
