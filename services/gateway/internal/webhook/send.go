package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	sendTimeout = 15 * time.Second
	maxAnswer   = 4 << 10 // bytes of an answer that are read, and none is shown
	maxHeader   = 16 << 10
)

// An Outcome says how an attempt ended. Its numbers are those of the contract.
type Outcome int32

// The outcomes.
const (
	Answered Outcome = iota + 1
	Timeout
	Unreachable
	RefusedAddress
	BadTLS
)

// A Result is what became of an attempt.
type Result struct {
	Outcome    Outcome
	Status     int           // of HTTP; 0 without an answer
	RetryAfter time.Duration // as the endpoint asked
	Latency    time.Duration
}

// Delivered reports whether the endpoint took the message.
func (r Result) Delivered() bool { return r.Status >= 200 && r.Status < 300 }

// Gone reports whether the endpoint wants no more messages.
func (r Result) Gone() bool { return r.Status == http.StatusGone }

// A Sender sends messages. It is safe for concurrent use.
type Sender struct {
	guard  Guard
	client *http.Client
}

// NewSender returns a sender that goes where guard lets it. The roots are those of the
// certificates it trusts, nil for those of the system.
func NewSender(guard Guard, roots *x509.CertPool) *Sender {
	s := &Sender{guard: guard}
	s.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would dial for us, and past the guard
			DialContext:            s.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			MaxIdleConns:           256,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// Close ends idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send makes one attempt. It ends within 15 seconds, or with ctx.
func (s *Sender) Send(ctx context.Context, address, id string, body []byte, secrets []Secret) Result {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	start := time.Now()
	result := s.attempt(ctx, start, address, id, body, secrets)
	result.Latency = time.Since(start)
	return result
}

func (s *Sender) attempt(ctx context.Context, start time.Time, address, id string, body []byte, secrets []Secret) Result {
	u, err := s.guard.Parse(address) // what is allowed may have changed since
	if err != nil {
		return Result{Outcome: RefusedAddress}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return Result{Outcome: Unreachable}
	}
	req.Header = http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"concentric-webhooks"},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {seconds(start)},
		"Webhook-Signature": {sign(id, start, body, secrets)},
	}
	res, err := s.client.Do(req)
	if err != nil {
		return Result{Outcome: outcomeOf(err)}
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, maxAnswer) //nolint:errcheck // the status has said it all; this only saves the connection
	return Result{Outcome: Answered, Status: res.StatusCode, RetryAfter: retryAfter(res.Header, start)}
}

// outcomeOf says why there was no answer.
func outcomeOf(err error) Outcome {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		slow        net.Error
	)
	switch {
	case errors.Is(err, ErrAddress):
		return RefusedAddress
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return BadTLS
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	default:
		return Unreachable
	}
}

// dial looks the host up, refuses it if any of its addresses is not public, and connects
// to the first that answers: what was looked at is what is dialed.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	all, err := s.guard.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 5 * time.Second, Control: s.control}
	err = errors.New("the host has no address")
	for _, addr := range all {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// control sees the address that the kernel is about to connect to.
func (s *Sender) control(_, address string, _ syscall.RawConn) error {
	if s.guard.Open {
		return nil
	}
	if addr, err := netip.ParseAddrPort(address); err != nil || !public(addr.Addr()) {
		return ErrAddress
	}
	return nil
}
