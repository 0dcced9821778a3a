package abuse

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A good ticket in JSON, and where it goes.
const (
	ticketsPath = "/v1/brands/acme/tickets"
	goodTicket  = `{"customer":"` + ann + `","subject":"x","channel":"CHANNEL_EMAIL"}`
)

// body is one that is refused.
func body(id, name, text string) row { return web(id, name, post(ticketsPath, text), 400) }

// tooMuch is a body that is refused unread.
func tooMuch(id, name, text string) row { return web(id, name, post(ticketsPath, text), 413) }

// creating and reading are calls with a header.
func creating(id, name, key, value string, code int) row {
	return web(id, name, webRequest{method: "POST", path: ticketsPath, body: goodTicket, header: map[string]string{key: value}}, code)
}

func reading(id, name, key, value string, code int) row {
	return web(id, name, webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{key: value}}, code)
}

// changing is an update of the version that If-Match names.
func changing(id, name, match string, code int) row {
	return web(id, name, webRequest{method: "PATCH", path: "/v1/" + seven, body: `{"subject":"x"}`, header: map[string]string{"If-Match": match}}, code)
}

// webRows are about methods and content types.
func webRows() []row {
	return []row{
		web("G01", "no such path", get("/v1/unknown"), 404),
		web("G02", "a method that the path has not", webRequest{method: "PUT", path: "/v1/" + seven, header: asJSON()}, 405),
		creating("G03", "a method override", "X-Http-Method-Override", "DELETE", 200),
		web("G04", "a form on a path to read", webRequest{
			method: "POST", path: "/v1/" + seven, body: "a=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		}, 405),
		creating("G05", "text/plain", "Content-Type", "text/plain", 415),
		creating("G06", "no content type", "Content-Type", "", 415),
		creating("G07", "another character set", "Content-Type", "application/json; charset=utf-16", 415),
		creating("G07", "the character set it is", "Content-Type", "application/json; charset=UTF-8", 200),
		reading("G08", "who would rather have HTML", "Accept", "text/html", 200),
		creating("G09", "a compressed body", "Content-Encoding", "gzip", 415),
	}
}

// bodyRows are about JSON.
func bodyRows() []row {
	return []row{
		body("G10", "no body", ""),
		body("G11", "null", "null"),
		body("G12", "a list", "[]"),
		body("G12", "a number", "1"),
		body("G12", "a text", `"x"`),
		body("G13", "two values", goodTicket+goodTicket),
		body("G14", "something behind the value", goodTicket+"x"),
		body("G15", "a byte order mark", "\ufeff"+goodTicket),
		body("G16", "not UTF-8", strings.Replace(goodTicket, `"x"`, "\"\xff\"", 1)),
		body("G17", "half a character", strings.Replace(goodTicket, `"x"`, `"\ud800"`, 1)),
		body("G18", "an unknown field", strings.Replace(goodTicket, "subject", "subjekt", 1)),
		body("G19", "a field twice", strings.Replace(goodTicket, "{", `{"subject":"y",`, 1)),
		body("G20", "a field in both spellings", strings.Replace(goodTicket, "{", `{"issue_kind":1,"issueKind":1,`, 1)),
		body("G21", "10,001 levels", strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)),
		tooMuch("G22", "two million zeros", "["+strings.Repeat("0,", 2_000_000-1)+"0]"),
		tooMuch("G23", "1 MiB and a byte", `{"subject":"`+strings.Repeat("x", 1<<20-13)+`"}`),
	}
}

// httpRows are about how HTTP/1.1 is framed.
func httpRows() []row {
	return []row{
		rawHTTP("G25", "a negative length", "POST "+ticketsPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "400"),
		rawHTTP("G25", "two lengths", "POST "+ticketsPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "400"),
		// net/http lets chunked win, as RFC 9112 allows, and closes the connection: nothing
		// is smuggled. The body is not JSON.
		rawHTTP("G26", "a length and chunks", "POST "+ticketsPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", "400"),
		// The length is one that fits, so the answer comes when the client has ended.
		rawHTTP("G27", "an endless chunk", "POST "+ticketsPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", "400"),
		reading("G29", "a header of 64 KiB", "X-Much", strings.Repeat("a", 64<<10), 431),
		reading("G30", "500 cookies", "Cookie", strings.Repeat("a=b; ", 500), 200),
	}
}

// pathRows are about paths and their parameters.
func pathRows() []row {
	return []row{
		web("G31", "a way out of the path", get("/v1/brands/acme/tickets/%2e%2e%2fadmin"), 404),
		web("G32", "a slash at the end", get("/v1/brands/acme/tickets/"), 404),
		web("G32", "two slashes", get("/v1/brands//acme"), 404),
		web("G33", "a NUL in the path", get("/v1/brands/acme/tickets/%00"), 404),
		web("G34", "a slash within an id", get("/v1/brands/acme/tickets/7%2Finteractions%2Fi"), 404),
		web("G35", "a path of 9 KiB", get("/v1/brands/acme/tickets/"+strings.Repeat("a", 9<<10)), 414),
		web("G36", "a page size in letters", get(ticketsPath+"?page_size=abc"), 400),
		web("G37", "two page sizes", get(ticketsPath+"?page_size=1&page_size=2"), 400),
		web("G38", "an unknown parameter", get(ticketsPath+"?page_sise=1"), 400),
		web("G39", "an unknown parameter, nested", get("/v1/brands/acme/views:compare?window.a.b.c=1"), 400),
		web("G40", "10,000 parameters", get(ticketsPath+"?"+strings.Repeat("a=b&", 10_000)), 431),
	}
}

// headerRows are about headers.
func headerRows() []row {
	return []row{
		reading("G45", "a deadline of a nanosecond", "Grpc-Timeout", "1n", 504),
		reading("G46", "a negative deadline", "Grpc-Timeout", "-5S", 400),
		reading("G46", "a deadline in words", "Grpc-Timeout", "abc", 400),
		reading("G49", "another host", "Host", "evil.example", 421),
		reading("G50", "another origin", "Origin", "https://evil.example", 403),
		web("G51", "a preflight from another origin", webRequest{method: "OPTIONS", path: ticketsPath, header: map[string]string{
			"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
		}}, 403),
		creating("G55", "an Idempotency-Key of 300 characters", "Idempotency-Key", strings.Repeat("a", 300), 400),
		web("G56", "an Idempotency-Key beside another request_id", webRequest{
			method: "POST", path: ticketsPath + "?request_id=7c9e6679-7425-40de-944b-e07fc1f90ae7",
			header: map[string]string{"Content-Type": "application/json", "Idempotency-Key": "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"},
			body:   `{"customer": "brands/acme/customers/ann", "subject": "x", "channel": "CHANNEL_EMAIL"}`,
		}, 400),
		changing("G57", "an If-Match without quotes", "3", 400),
		changing("G58", "an If-Match of another time", `"999"`, 409),
		reading("G59", "languages without end", "Accept-Language", strings.Repeat("en,", 2700), 200),
	}
}

func asJSON() map[string]string { return map[string]string{"Content-Type": "application/json"} }

// rawHTTP sends bytes and expects a status.
func rawHTTP(id, name, text, code string) row {
	return row{id: id, name: name, rest: func(t *testing.T, s *suite) {
		before := s.settled(t)
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 64)
		n, err := io.ReadAtLeast(c, line, 16)
		if err != nil || !strings.HasPrefix(string(line[:n]), "HTTP/1.1 "+code) {
			t.Errorf("answer = %q, %v, want %s", line[:n], err, code)
		}
		s.unchanged(t, before)
	}}
}
