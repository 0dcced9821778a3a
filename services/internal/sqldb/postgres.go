package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

const (
	postgresLanes = 4
	// Beside the pools there are a migration and the locks of the lead.
	postgresSpare = 3

	// DefaultConnections is how many connections to PostgreSQL one service holds at most if
	// nobody chose, and MinConnections how few do.
	DefaultConnections = 16 + postgresLanes + postgresSpare
	MinConnections     = 1 + postgresLanes + postgresSpare

	// A lane gives a silent server up after longer than any statement may take.
	postgresSilence = 15 * time.Second
	maxPipeline     = 1000 // statements that wait for a round trip
	// After so long a pause BEGIN travels alone: if the server has dropped the
	// connection meanwhile, it is certain that nothing was committed.
	postgresPause = time.Second
)

// postgresConfigs reads an address: what connections need that write, and that migrate.
func postgresConfigs(address string) (cfg, admin *pgx.ConnConfig, err error) {
	if cfg, err = pgx.ParseConfig(address); err != nil {
		return nil, nil, errors.New("open database: the postgres address is malformed") // it may hold a password
	}
	// The lock timeout is shorter than the second after which PostgreSQL looks
	// for deadlocks; a write that runs alone waits longer.
	// A plan for all values finds the partition of a brand when it runs. A plan for one
	// value looks cheaper, so that PostgreSQL would plan each execution anew. What the
	// former is thought to cost counts all partitions, which must not make a read of a few
	// rows one for several processes, or for a compiler.
	settings := map[string]string{
		"statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s", "lock_timeout": "200ms",
		"synchronous_commit": "on", "application_name": "concentric", "timezone": "UTC",
		"plan_cache_mode": "force_generic_plan", "max_parallel_workers_per_gather": "0", "jit": "off",
	}
	for name, value := range settings {
		if _, ok := cfg.RuntimeParams[name]; !ok {
			cfg.RuntimeParams[name] = value
		}
	}
	admin = cfg.Copy()
	for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"} {
		admin.RuntimeParams[name] = "0" // a migration takes its time
	}
	return cfg, admin, nil
}

func openPostgres(ctx context.Context, address string, connections int) (*DB, error) {
	if connections < MinConnections {
		return nil, fmt.Errorf("open database: %d connections, want at least %d", connections, MinConnections)
	}
	cfg, admin, err := postgresConfigs(address)
	if err != nil {
		return nil, err
	}
	readers := cfg.Copy()
	readers.RuntimeParams["default_transaction_read_only"] = "on"
	writers := cfg.Copy()
	dial := writers.DialFunc
	writers.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return impatient{c}, nil
	}
	db := &DB{postgres: true, writers: stdlib.OpenDB(*writers)}
	db.admin = func() (*sql.DB, error) { return stdlib.OpenDB(*admin), nil }
	err = checkPostgres(ctx, db.writers, needs{cfg.RuntimeParams[relaxed] == "relaxed", connections, connections})
	if err == nil {
		err = db.writers.QueryRowContext(ctx, isFenced).Scan(&db.fenced)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.writers.Close())
	}
	if db.telemetry.traced = traced(); db.telemetry.traced {
		readers.Tracer = postgresTracer{db}
	}
	reader := stdlib.GetConnector(*readers)
	if db.fenced {
		reader = fence{reader}
	}
	db.readers = sql.OpenDB(reader)
	size := connections - postgresLanes - postgresSpare
	db.readers.SetMaxOpenConns(size)
	db.readers.SetMaxIdleConns(size)
	db.readers.SetConnMaxIdleTime(5 * time.Minute)
	db.writers.SetMaxOpenConns(postgresLanes)
	db.writers.SetMaxIdleConns(postgresLanes)
	db.start(postgresLanes, func() session { return &postgresSession{pool: db.writers, fenced: db.fenced} })
	return db, nil
}

// checkPostgres refuses what the promises cannot stand on.
func checkPostgres(ctx context.Context, db *sql.DB, n needs) error {
	all, err := postgresSettings(ctx, db, n)
	if err != nil {
		return err
	}
	return setting.Refuse(all)
}

// An impatient connection takes a long silence of the other side for its end.
type impatient struct{ net.Conn }

func (c impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(postgresSilence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// A postgresSession is the connection of one lane. Statements that need no
// answer of their own, BEGIN and COMMIT among them, wait in batch and travel
// with the next that does.
type postgresSession struct {
	pool   *sql.DB
	fenced bool   // the server wants to know for whom
	who    string // the next statements are for
	told   string // for whom the server takes what comes behind batch; "" if that is not known

	conn  *sql.Conn
	pgx   *pgx.Conn // beneath conn
	batch *pgx.Batch
	late  merger      // rows to insert after what is in batch
	end   merger      // rows to insert before the commit
	fresh int         // the length of batch while nothing else is in the transaction
	used  time.Time   // when the server last answered
	open  []*sql.Rows // of the closure that runs
	shelf *sql.DB     // what they are read from
}

func (s *postgresSession) connect() error {
	if s.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	s.conn, s.shelf = conn, sql.OpenDB(shelf{})
	if err := conn.Raw(func(c any) error { s.pgx = c.(*stdlib.Conn).Conn(); return nil }); err != nil {
		s.drop()
		return err
	}
	if _, err := conn.ExecContext(ctx, compress); err != nil {
		s.drop()
		return err
	}
	return nil
}

// compress has large values compressed in a third of the time, where the server can and
// its operator has not said otherwise.
const compress = `
	SELECT set_config(name, 'lz4', FALSE) FROM pg_settings
	WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)`

func (s *postgresSession) begin(patient bool) error {
	if err := s.connect(); err != nil {
		return err
	}
	s.forget()
	s.told = ""
	s.batch.Queue("BEGIN")
	if patient {
		s.batch.Queue("SET LOCAL lock_timeout = '2s'")
	}
	s.fresh = s.batch.Len()
	if time.Since(s.used) > postgresPause {
		return s.flush()
	}
	return nil
}

// commit does not travel for a transaction in which there is nothing.
func (s *postgresSession) commit() error {
	if s.batch.Len() == s.fresh && s.late.rows == 0 && s.end.rows == 0 {
		s.forget()
		return nil
	}
	s.finish()
	s.batch.Queue("COMMIT")
	tag, err := s.send()
	s.used = time.Now()
	if err == nil && tag.String() != "COMMIT" {
		return errIgnored
	}
	return err
}

func (s *postgresSession) serve(who string) { s.who = who }

func (s *postgresSession) rollback() error { return s.simple("ROLLBACK") }

func (s *postgresSession) save() error {
	s.finish()
	_, err := s.exec("SAVEPOINT one")
	return err
}

func (s *postgresSession) rollbackTo() error {
	return s.simple("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one")
}

func (s *postgresSession) exec(query string, args ...any) (int64, error) {
	s.queue(query, args)
	tag, err := s.send()
	return tag.RowsAffected(), err
}

func (s *postgresSession) query(query string, args []any) (*sql.Rows, error) {
	s.queue(query, args)
	rows, err := s.fetch()
	if err != nil {
		return nil, err
	}
	s.open = append(s.open, rows)
	return rows, nil
}

func (s *postgresSession) later(query string, args []any) error {
	if strings.HasPrefix(query, "SAVEPOINT ") {
		s.finish() // who goes back to it must not take along what neighbors have said
	}
	if !s.late.add(s.who, query, args) {
		s.queue(query, args)
	}
	return s.bounded()
}

func (s *postgresSession) last(query string, args []any) error {
	if !s.end.add(s.who, query, args) {
		s.queue(query, args)
	}
	return s.bounded()
}

// bounded sends what waits once it is much.
func (s *postgresSession) bounded() error {
	if s.batch.Len()+s.late.rows+s.end.rows < maxPipeline {
		return nil
	}
	return s.flush()
}

// queue puts a statement behind all that wait.
func (s *postgresSession) queue(query string, args []any) {
	s.drain()
	s.put(s.who, query, args)
}

// drain puts the rows to insert into the batch.
func (s *postgresSession) drain() { s.late.drain(s.put) }

// finish puts all rows to insert into the batch.
func (s *postgresSession) finish() {
	s.drain()
	s.end.drain(s.put)
}

// put puts a statement into the batch, and before it, where the server does not know, for
// whom it is.
func (s *postgresSession) put(who, query string, args []any) {
	if s.fenced && s.told != who {
		s.batch.Queue(say, who)
		s.told = who
	}
	s.batch.Queue(query, args...)
}

// forget forgets what waits.
func (s *postgresSession) forget() {
	s.batch = &pgx.Batch{}
	s.late.forget()
	s.end.forget()
}

func (s *postgresSession) flush() error {
	s.finish()
	if s.batch.Len() == 0 {
		return nil
	}
	_, err := s.send()
	return err
}

func (s *postgresSession) release() {
	for _, rows := range s.open {
		rows.Close() //nolint:errcheck,gosec // what it could say, Next has said
	}
	clear(s.open)
	s.open = s.open[:0]
}

func (s *postgresSession) failed() bool { return s.pgx != nil && s.pgx.PgConn().TxStatus() == 'E' }

func (s *postgresSession) broken() bool { return s.conn == nil || s.pgx.IsClosed() }

func (s *postgresSession) drop() {
	if s.conn == nil {
		return
	}
	s.release()
	s.shelf.Close() //nolint:errcheck,gosec // it holds nothing
	drop(s.conn)
	s.conn, s.pgx, s.shelf = nil, nil, nil
}

// spoils: any failure ends a PostgreSQL transaction.
func (s *postgresSession) spoils(query string, err error) bool { return err != nil || !reads(query) }
