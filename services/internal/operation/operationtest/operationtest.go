// Package operationtest helps to see that replicas share an operation.
package operationtest

import (
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Listen starts a NATS server on loopback until the test ends, and returns its URL.
func Listen(t testing.TB) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// As returns the address of a PostgreSQL database under which a replica is known to [Did].
func As(t testing.TB, address, replica string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", replica)
	u.RawQuery = q.Encode()
	return u.String()
}

// Witness has a PostgreSQL database with the tables of a service note who does which part.
func Witness(t testing.TB, db *sqldb.DB) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`CREATE TABLE did (replica TEXT NOT NULL, operation TEXT NOT NULL, part BIGINT NOT NULL)`)
		tx.Defer(`CREATE FUNCTION witness() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO did (replica, operation, part) VALUES (current_setting('application_name'), NEW.operation, NEW.part);
			RETURN NULL;
		END $$`)
		_, err := tx.Exec(`CREATE TRIGGER witness AFTER UPDATE OF output ON operation_part FOR EACH ROW EXECUTE FUNCTION witness()`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Did returns how many parts a replica did, and how many of all were done twice.
func Did(t testing.TB, db *sqldb.DB, replica string) (parts, twice int) {
	t.Helper()
	err := db.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM did WHERE replica = $1),
		(SELECT COUNT(*) - COUNT(DISTINCT (operation, part)) FROM did)`, replica).Scan(&parts, &twice)
	if err != nil {
		t.Fatal(err)
	}
	return parts, twice
}

// Until waits until holds does.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("after a minute: not %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}
