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

// start makes sure that the server is there, and skips the test where there is none.
func (c *cluster) start(t testing.TB) {
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
}

// database returns the URL of a copy of the database called template, or of an empty
// one, that is gone when the test ends.
func (c *cluster) database(t testing.TB, template string) string {
	t.Helper()
	c.start(t)
	name, to, err := c.create(template)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.run("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return to
}

// create makes a database, a copy of template if that is not empty.
func (c *cluster) create(template string) (name, to string, err error) {
	u, err := url.Parse(c.server.url)
	if err != nil {
		return "", "", errors.New("CONCENTRIC_TEST_POSTGRES is no URL")
	}
	name = "test_" + strings.ToLower(rand.Text())
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	}
	u.Path = "/" + name
	if c.settings != nil { // which it must be said of
		q := u.Query()
		q.Set("concentric.durability", "relaxed")
		u.RawQuery = q.Encode()
	}
	return name, u.String(), c.run(statement)
}

// run runs one statement on the server.
func (c *cluster) run(statement string) error {
	conn, err := pgx.Connect(context.Background(), c.server.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it is done
	_, err = conn.Exec(context.Background(), statement)
	return err
}
