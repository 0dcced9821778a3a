package rollup

import "github.com/concentric-cx/concentric/services/internal/pack"

type writer struct{ pack.Writer }

// keys writes the values of set, and the subject.
func (w *writer) keys(k *Keys, set []Dim) {
	w.Number(uint64(k.Numbers[Subject]))
	for _, d := range set {
		if d.IsText() {
			w.Text(k.Text(d))
		} else {
			w.Number(uint64(k.Number(d)))
		}
	}
}

type reader struct{ pack.Reader }

func newReader(data []byte) *reader { return &reader{pack.Reader{Data: data}} }

func (r *reader) keys(k *Keys, set []Dim) {
	k.Numbers[Subject] = int32(r.Number()) //nolint:gosec // it was one
	for _, d := range set {
		if d.IsText() {
			k.SetText(d, r.Text())
		} else {
			k.Numbers[d] = int32(r.Number()) //nolint:gosec // it was one
		}
	}
}
