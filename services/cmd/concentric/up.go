package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/telemetry"
)

// services are the four, in the order they start.
var services = []string{"ticket", "survey", "journey", "gateway"}

// An upCmd runs services until it is told to stop.
type upCmd struct {
	common
	doors
	callers
	limits
	looks

	Config   configFile `help:"YAML file with the values of flags, NAME: VALUE. Flags and the environment beat it." type:"existingfile" placeholder:"FILE"`
	Services []string   `arg:"" optional:"" enum:"ticket,survey,journey,gateway" help:"Services to run: ticket, survey, journey, gateway. All if none is named."`

	DB           string        `name:"db" default:"sqlite:{data}/{service}.db" help:"Database of each service, sqlite:PATH or postgres://…; {data} and {service} are filled in." placeholder:"URL"`
	Bus          string        `help:"NATS server that carries events. Embedded if empty and all services run in one process." placeholder:"URL"`
	TokenKey     string        `help:"File of the key that tokens of invitations are made with, 64 hex digits, the same in every replica. {data}/token.key if empty, made if there is none." type:"existingfile" placeholder:"FILE"`
	IdentityKey  string        `help:"File of the key that identities of customers are hashed with and their names encrypted, 64 hex digits, the same in every replica, never changed. {data}/identity.key if empty, made if there is none." type:"existingfile" placeholder:"FILE"`
	SecretKey    string        `help:"File of the key that secrets of webhook endpoints are sealed with, 64 hex digits, the same in every replica of the gateway. {data}/secret.key if empty, made if there is none." type:"existingfile" placeholder:"FILE"`
	OpenWebhooks bool          `help:"Let webhooks go to addresses that are not public and over plain HTTP: for development, and for receivers in a closed network."`
	TicketAddr   string        `default:"127.0.0.1:8081" help:"Where a gateway finds the ticket service, if it runs elsewhere: one address, a name that stands for all replicas, or their addresses with commas between." placeholder:"HOST:PORT,…"`
	SurveyAddr   string        `default:"127.0.0.1:8082" help:"Where a gateway finds the survey service, if it runs elsewhere: one address, a name that stands for all replicas, or their addresses with commas between." placeholder:"HOST:PORT,…"`
	JourneyAddr  string        `default:"127.0.0.1:8083" help:"Where a gateway finds the journey service, if it runs elsewhere: one address, a name that stands for all replicas, or their addresses with commas between." placeholder:"HOST:PORT,…"`
	Grace        time.Duration `default:"20s" help:"How long calls under way may take at the end."`

	from map[string]string // where the value of each flag comes from
}

// AfterApply notes where the flags have their values from.
func (c *upCmd) AfterApply(ctx *kong.Context) error {
	c.from = sources(ctx)
	return nil
}

// runs reports whether the service runs in this process.
func (c *upCmd) runs(service string) bool {
	return len(c.Services) == 0 || slices.Contains(c.Services, service)
}

// whole reports whether all services run in this process.
func (c *upCmd) whole() bool {
	return !slices.ContainsFunc(services, func(s string) bool { return !c.runs(s) })
}

// Run implements the command. A start that is refused, or fails, ends the program with 2.
func (c *upCmd) Run(ctx context.Context) error {
	t, err := telemetry.Start(ctx, telemetry.Config{Service: "concentric", Version: version, Scraped: c.scraped()})
	if err != nil {
		return ending{err, 2}
	}
	slog.SetDefault(t.Log)                       // of what goes on beside the calls
	defer t.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // the process is ending; there is nobody to tell
	lis, err := listen(ctx, c.Addr, c.TLSCert != "" && c.authenticates())
	if err != nil {
		return ending{err, 2}
	}
	s, err := start(ctx, c, t)
	if err != nil {
		lis.Close()
		return ending{err, 2}
	}
	stop, err := c.show(ctx, t.Scrape)
	if err != nil {
		lis.Close()
		s.close()
		return ending{err, 2}
	}
	defer stop()
	t.Log.Info("serving", "addr", lis.Addr().String(), "services", c.names())
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	fmt.Fprintf(os.Stderr, "concentric serves %v on %s://%s (gRPC and REST); ^C stops it\n", c.names(), scheme, lis.Addr())
	return s.serve(ctx, lis, c.Grace)
}

// url returns the address of a service's database.
func (c *upCmd) url(service string) string {
	return strings.NewReplacer("{data}", c.Data, "{service}", service).Replace(c.DB)
}

func (c *upCmd) names() []string {
	var names []string
	for _, s := range services {
		if c.runs(s) {
			names = append(names, s)
		}
	}
	return names
}

// listen listens on addr, which must belong to this machine unless the server is closed:
// what is open to a network needs TLS and authentication.
func listen(ctx context.Context, addr string, closed bool) (net.Listener, error) {
	if err := setting.Refuse([]setting.Setting{reach(ctx, addr, closed)}); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	lis, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--addr: %w", err)
	}
	return lis, nil
}
