package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestAnAddressIsPublicAndPlain(t *testing.T) {
	refused := []string{
		"", "/hooks", "javascript:alert(1)", "ftp://example.com/x", "file:///etc/passwd", "gopher://example.com",
		"http://example.com/x", "https://user:pass@example.com/", "https://example.com/" + strings.Repeat("x", maxURL), "https://example.com/#part",
		"https://localhost/", "https://localhost./", "https://LOCALHOST", "https://printer/", "https://a.localhost/", "https://metadata.google.internal/", "https://nas.local/",
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0x7f.1/",
		"https://0.0.0.0/", "https://[::]/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:0.0.0.0]/", "https://[fe80::1%25eth0]/",
		"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://169.254.169.254/", "https://100.64.0.1/", "https://198.18.0.1/", "https://192.0.0.1/", "https://240.0.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
		"https://[fc00::1]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001:db8::1]/", "https://[::7f00:1]/", "https://[100::1]/",
		"https://example.com:22/", "https://example.com:25/", "https://example.com:6379/", "https://example.com:80/", "https://example.com:99999/",
		"https://exa mple.com/", "https://-.com/", "https:///x", "https://?x", "https://%31%32%37.0.0.1/", "https://example..com/",
	}
	for _, text := range refused {
		if u, err := (Guard{}).Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, u)
		}
	}
	allowed := map[string]string{
		"https://example.com/hooks?x=1":  "https://example.com/hooks?x=1",
		"https://Example.COM./hooks":     "https://example.com/hooks",
		"https://bücher.example:8443/":   "https://xn--bcher-kva.example:8443/",
		"https://example.com:443":        "https://example.com:443",
		"https://93.184.215.14/":         "https://93.184.215.14/",
		"https://[2606:4700::6810:1]/up": "https://[2606:4700::6810:1]/up",
	}
	for text, want := range allowed {
		if u, err := (Guard{}).Parse(text); err != nil || u.String() != want {
			t.Errorf("Parse(%q) = %v, %v, want %s", text, u, err, want)
		}
	}
	if _, err := (Guard{Open: true}).Parse("http://127.0.0.1:9000/x"); err != nil {
		t.Errorf("an open guard refuses: %v", err)
	}
}

// newResolver returns a resolver that asks a name server of its own.
func newResolver(t *testing.T, answers func(question int) []string) *net.Resolver {
	t.Helper()
	var config net.ListenConfig
	conn, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		asked := 0
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			query := buf[:n]
			end := 12
			for query[end] != 0 {
				end += int(query[end]) + 1
			}
			kind := binary.BigEndian.Uint16(query[end+1:])
			var records []byte
			count := uint16(0)
			if kind == 1 { // A
				for _, a := range answers(asked) {
					addr := netip.MustParseAddr(a).As4()
					records = append(records, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
					records = append(records, addr[:]...)
					count++
				}
				asked++
			}
			reply := append([]byte{}, query[:end+5]...)
			reply[2], reply[3] = 0x81, 0x80
			binary.BigEndian.PutUint16(reply[6:], count)
			binary.BigEndian.PutUint16(reply[8:], 0)
			binary.BigEndian.PutUint16(reply[10:], 0)
			conn.WriteTo(append(reply, records...), from) //nolint:errcheck // who asked asks again
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestAHostWithOnePrivateAddressIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []string
		refused bool
	}{
		{"loopback", []string{"127.0.0.1"}, true},
		{"one public, one private", []string{"93.184.215.14", "10.0.0.1"}, true},
		{"public", []string{"93.184.215.14"}, false},
		{"unknown", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := Guard{Resolver: newResolver(t, func(int) []string { return tc.answers })}
			u, err := g.Parse("https://hooks.example.com/")
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Check(t.Context(), u); errors.Is(err, ErrAddress) != tc.refused {
				t.Errorf("Check = %v, want refused = %v", err, tc.refused)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://example.com", "https://[::ffff:127.0.0.1]:443/", "https://127.1", "https://a@b", "https://xn--/", "//x", "https://1.1.1.1.:8443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Guard{}.Parse(text)
		if err != nil {
			return
		}
		again, err := Guard{}.Parse(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("Parse(%q) = %s, and of that %v, %v", text, u, again, err)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !public(a) {
			t.Errorf("Parse(%q) lets %s pass", text, a)
		}
	})
}
