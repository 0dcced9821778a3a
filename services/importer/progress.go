package importer

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A progress shows how far an import is: a bar on a terminal, else a line now and
// then. It is not safe for concurrent use.
type progress struct {
	out      io.Writer
	terminal bool
	size     int64 // of the main file in bytes
	began    time.Time
	shown    time.Time
	first    int // rows done before
}

// The pace of the two ways.
const (
	redraw = 100 * time.Millisecond
	repeat = 3 * time.Second
)

// show tells that rows were done and offset bytes were read.
func (p *progress) show(rows int, offset int64) {
	pace := repeat
	if p.terminal {
		pace = redraw
	}
	if p.shown.IsZero() && !p.terminal {
		p.shown = p.began
	}
	if now := time.Now(); now.Sub(p.shown) >= pace {
		p.shown = now
		p.write(rows, offset)
	}
}

func (p *progress) write(rows int, offset int64) {
	share := 1.0
	if p.size > 0 {
		share = min(1, float64(offset)/float64(p.size))
	}
	pace := float64(rows-p.first) / max(time.Since(p.began).Seconds(), 1e-3)
	text := fmt.Sprintf("%3.0f %%  %d rows  %.0f rows/s", 100*share, rows, pace)
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	const width = 30
	full := int(share * width)
	fmt.Fprintf(p.out, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", width-full), text)
}

// end leaves the last state behind.
func (p *progress) end(rows int, offset int64) {
	if p.terminal {
		p.write(rows, offset)
		fmt.Fprintln(p.out)
	}
}
