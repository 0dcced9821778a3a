package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxStreams is how many calls a wire has open at a time: as many as a server of the suite
// takes on one connection.
const maxStreams = 250

// A wire is a connection that makes calls of one method without waiting for their answers, at
// a fraction of what a client of gRPC takes: headers are encoded before, and of an answer only
// its status is read.
type wire struct {
	conn net.Conn
	in   *http2.Framer
	tell func(s sent, err error)

	mu     sync.Mutex
	out    *bufio.Writer
	framer *http2.Framer // onto out
	heads  [2][]byte     // of the first call, and of all others, which refer to it
	window int64         // bytes that the server takes at once
	next   uint32        // stream
	open   map[uint32]sent
	failed error
}

// A sent call is under way.
type sent struct{ due, at time.Time }

// dialWire connects to a server. What comes of each call is told to tell, by one goroutine.
func dialWire(addr, method string, tell func(s sent, err error)) (*wire, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &wire{
		conn: conn, tell: tell, in: http2.NewFramer(nil, bufio.NewReaderSize(conn, 64<<10)), out: bufio.NewWriterSize(conn, 64<<10),
		heads: heads(addr, method), window: 65535, next: 1, open: map[uint32]sent{},
	}
	w.in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	w.in.SetReuseFrames()
	w.framer = http2.NewFramer(w.out, nil)
	const most = 1<<31 - 1 // so that the server never waits for room
	_, err = w.out.WriteString(http2.ClientPreface)
	err = errors.Join(err, w.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: most}),
		w.framer.WriteWindowUpdate(0, most-65535), w.out.Flush())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go w.read()
	return w, nil
}

// heads encodes the headers of a call for the first time and once more.
func heads(addr, method string) (all [2][]byte) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := range all {
		b.Reset()
		for _, h := range [][2]string{
			{":method", "POST"},
			{":scheme", "http"},
			{":path", method},
			{":authority", addr},
			{"content-type", "application/grpc"},
			{"user-agent", "load"},
			{"te", "trailers"},
		} {
			if err := e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
				panic(err) // a buffer takes everything
			}
		}
		all[i] = bytes.Clone(b.Bytes())
	}
	return all
}

// send makes a call that was due. It reports whether it has: a wire takes no more where too many
// calls are open or the server takes nothing, and as many clients it waits for neither.
func (w *wire) send(due time.Time, request []byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := int64(len(request) + 5)
	if w.failed != nil || len(w.open) >= maxStreams || w.window < size {
		return false, w.failed
	}
	id := w.next
	w.next += 2
	w.window -= size
	err := w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: w.heads[min(id-1, 1)], EndHeaders: true})
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...) //nolint:gosec // a few bytes
	err = errors.Join(err, w.framer.WriteData(id, true, body), w.out.Flush())
	w.open[id] = sent{due, time.Now()}
	return true, err
}

// read takes what the server says until the connection ends.
func (w *wire) read() {
	for {
		frame, err := w.in.ReadFrame()
		if err == nil {
			err = w.take(frame)
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// fail ends all calls that are open.
func (w *wire) fail(err error) {
	w.mu.Lock()
	w.failed = err
	open := w.open
	w.open = nil
	w.mu.Unlock()
	for _, s := range open {
		w.tell(s, err)
	}
}

func (w *wire) take(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		if f.StreamEnded() {
			w.end(f.StreamID, outcome(f))
		}
	case *http2.RSTStreamFrame:
		w.end(f.StreamID, status.Errorf(codes.Unavailable, "the stream is refused: %v", f.ErrCode))
	case *http2.WindowUpdateFrame:
		w.mu.Lock()
		defer w.mu.Unlock()
		if f.StreamID == 0 {
			w.window += int64(f.Increment)
		}
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return w.answer(w.framer.WriteSettingsAck)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return w.answer(func() error { return w.framer.WritePing(true, f.Data) })
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server goes away: %v", f.ErrCode)
	}
	return nil
}

func (w *wire) answer(write func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(write(), w.out.Flush())
}

// end tells what came of a call, once.
func (w *wire) end(id uint32, err error) {
	w.mu.Lock()
	s, open := w.open[id]
	delete(w.open, id)
	w.mu.Unlock()
	if open {
		w.tell(s, err)
	}
}

// outcome returns what the last headers of an answer say.
func outcome(f *http2.MetaHeadersFrame) error {
	for _, h := range f.Fields {
		if h.Name != "grpc-status" {
			continue
		}
		code, err := strconv.Atoi(h.Value)
		if err != nil || code == 0 {
			return err
		}
		return status.Error(codes.Code(code), "refused") //nolint:gosec // of a server of the suite
	}
	return io.ErrUnexpectedEOF
}

// close ends the connection, and with it the calls that are open.
func (w *wire) close() error { return w.conn.Close() }
