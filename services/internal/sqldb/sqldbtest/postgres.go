package sqldbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// One server a test binary is shared by all its tests.
var (
	shared  = &cluster{settings: []string{"fsync=off", "full_page_writes=off"}}
	durable = &cluster{}
)

// A cluster is a PostgreSQL server, started by the first test that needs it.
type cluster struct {
	settings []string

	once   sync.Once
	server *server
	err    error
}

func (c *cluster) database(t testing.TB) string {
	t.Helper()
	c.once.Do(func() {
		if url := os.Getenv("CONCENTRIC_TEST_POSTGRES"); url != "" {
			c.server = &server{url: url}
			return
		}
		c.server, c.err = startServer(c.settings)
		if errors.Is(c.err, errNoPostgres) {
			os.Stderr.WriteString("\nPOSTGRESQL TESTS ARE SKIPPED: " + strings.ToUpper(c.err.Error()) + "\n\n") //nolint:errcheck // for people
		}
	})
	required := os.Getenv("CONCENTRIC_TEST_REQUIRE_POSTGRES") == "1" || os.Getenv("CI") == "true"
	if errors.Is(c.err, errNoPostgres) && !required {
		t.Skip(c.err)
	}
	if c.err != nil {
		t.Fatal(c.err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	c.run(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { c.run(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(c.server.url)
	if err != nil {
		t.Fatal("CONCENTRIC_TEST_POSTGRES is no URL")
	}
	u.Path = "/" + name
	return u.String()
}

// run runs one statement on the server.
func (c *cluster) run(t testing.TB, statement string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.server.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it is done
	if _, err := conn.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}
