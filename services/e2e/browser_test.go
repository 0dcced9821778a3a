package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A browser is a Chromium that is told what to do over a pipe, by the DevTools protocol:
// JSON messages with a zero byte after each.
type browser struct {
	in *os.File

	mu     sync.Mutex
	last   int
	waits  map[int]chan<- message
	events map[string]chan<- message // by session and method
	ended  error
}

// A message is a command, its answer, or an event.
type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    any             `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// chromium starts a browser that ends with the test, or skips the test where there is none.
func chromium(t *testing.T) *browser {
	t.Helper()
	path := installed("chromium", "chromium-browser", "google-chrome")
	needs(t, "Chromium", path != "")
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-first-run", "--remote-debugging-pipe", "--user-data-dir="+profile(t))
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // its 3 and 4
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{in: in, waits: map[int]chan<- message{}, events: map[string]chan<- message{}}
	var reading sync.WaitGroup
	reading.Go(func() { b.read(out) })
	t.Cleanup(func() {
		end, done := context.WithTimeout(ctx, 10*time.Second)
		_ = b.call(end, "", "Browser.close", object{}, nil) // it may end before it says so
		done()
		in.Close()
		time.AfterFunc(10*time.Second, cancel)
		_ = cmd.Wait() // it is killed if it does not end
		cancel()
		out.Close()
		reading.Wait()
	})
	return b
}

// profile makes a folder for a browser, which may write there for a while after its end.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(folder, "chromium-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// read hands what the browser says to those who wait for it.
func (b *browser) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(text[:len(text)-1], &m)
		}
		b.mu.Lock()
		if err != nil {
			b.ended = err
			for _, wait := range b.waits {
				close(wait)
			}
			b.waits = nil
			b.mu.Unlock()
			return
		}
		wait := b.waits[m.ID]
		delete(b.waits, m.ID)
		if m.ID == 0 {
			wait = b.events[m.SessionID+m.Method]
		}
		b.mu.Unlock()
		if wait != nil {
			select {
			case wait <- m:
			default: // an event that somebody has had
			}
		}
	}
}

// call has the browser do something in a session, and reads its answer.
func (b *browser) call(ctx context.Context, session, method string, params, answer any) error {
	wait := make(chan message, 1)
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, SessionID: session, Method: method, Params: params}
	if b.ended == nil {
		b.waits[m.ID] = wait
	}
	ended := b.ended
	text, err := json.Marshal(m)
	if err = errors.Join(ended, err); err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m, ok := <-wait:
		if !ok {
			return fmt.Errorf("%s: the browser has ended", method)
		}
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if answer == nil {
			return nil
		}
		return json.Unmarshal(m.Result, answer)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// A tab is a page of the browser, with cookies and a history of its own.
type tab struct {
	t       *testing.T
	browser *browser
	session string
	loaded  chan message
}

// object is what a command is given.
type object map[string]any

// tab opens an empty page as wide and as high as a screen.
func (b *browser) tab(t *testing.T, width, height int) *tab {
	t.Helper()
	p := &tab{t: t, browser: b, loaded: make(chan message, 1)}
	var apart struct{ BrowserContextID string }
	p.do("Target.createBrowserContext", nil, &apart)
	var target struct{ TargetID string }
	p.do("Target.createTarget", object{"url": "about:blank", "browserContextId": apart.BrowserContextID}, &target)
	var session struct{ SessionID string }
	p.do("Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &session)
	p.session = session.SessionID
	b.mu.Lock()
	b.events[p.session+"Page.loadEventFired"] = p.loaded
	b.mu.Unlock()
	p.do("Page.enable", nil, nil)
	p.do("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	return p
}

// do has the browser do something in the tab.
func (p *tab) do(method string, params object, answer any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	if params == nil {
		params = object{}
	}
	if err := p.browser.call(ctx, p.session, method, params, answer); err != nil {
		p.t.Fatal(err)
	}
}

// after waits for the page that act leads to.
func (p *tab) after(act func()) {
	p.t.Helper()
	select {
	case <-p.loaded:
	default:
	}
	act()
	select {
	case <-p.loaded:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("no page comes; this one says %q", p.text())
	}
}

// open goes to an address.
func (p *tab) open(address string) {
	p.t.Helper()
	p.after(func() { p.do("Page.navigate", object{"url": address}, nil) })
}

// ask reads a value of the page, as an expression of JavaScript says it.
func (p *tab) ask(expression string, answer any) {
	p.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	p.do("Runtime.evaluate", object{"expression": expression, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", expression, got.ExceptionDetails)
	}
	if err := json.Unmarshal(got.Result.Value, answer); err != nil {
		p.t.Fatalf("%s: %v: %s", expression, err, got.Result.Value)
	}
}

// text returns what the page shows.
func (p *tab) text() (text string) {
	p.t.Helper()
	p.ask("document.body.innerText", &text)
	return text
}

// press presses keys, one after the other: Tab, Enter, Space, an arrow, or a letter.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	codes := map[string]int{"Tab": 9, "Enter": 13, "Space": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
	text := map[string]string{"Enter": "\r", "Space": " "}
	for _, key := range keys {
		down := object{"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
		if text[key] != "" {
			down["type"], down["text"] = "keyDown", text[key]
		}
		if key == "Space" {
			down["key"] = " "
		}
		p.do("Input.dispatchKeyEvent", down, nil)
		p.do("Input.dispatchKeyEvent", object{"type": "keyUp", "key": down["key"], "code": key, "windowsVirtualKeyCode": codes[key]}, nil)
	}
}

// click clicks on an element so many times, as fast as a finger can.
func (p *tab) click(selector string, times int) {
	p.t.Helper()
	var at struct{ X, Y float64 }
	p.ask(fmt.Sprintf(`(() => {const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return {X: r.x + r.width/2, Y: r.y + r.height/2}})()`, selector), &at)
	for n := range times {
		for _, kind := range []string{"mousePressed", "mouseReleased"} {
			p.do("Input.dispatchMouseEvent", object{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": n + 1}, nil)
		}
	}
}

// shoot keeps a picture of the page in the folder CONCENTRIC_TEST_PICTURES, for people.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("CONCENTRIC_TEST_PICTURES")
	if dir == "" {
		return
	}
	var picture struct{ Data string }
	p.do("Page.captureScreenshot", object{"captureBeyondViewport": true}, &picture)
	body, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), body, 0o600)
	}
	if err != nil {
		p.t.Error(err)
	}
}
