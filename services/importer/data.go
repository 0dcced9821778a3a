package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// data are the files of one import: the main one to be read row by row, the joined
// ones in memory.
type data struct {
	files   []mapping.File
	main    *table.Reader
	joined  map[string]*table.Index  // by alias
	keys    map[string]int           // the main file's column for each joined one
	headers map[string]*table.Header // by alias, of the files that are there
	absent  []string                 // the paths of the others
	groups  []pending                // of a grouped main file, all of them
	done    int                      // the groups that were read
}

// A pending row was read and not yet imported.
type pending struct {
	in  mapping.Input
	bad *table.RowError // why it could not be read
}

// openData opens the files of m in dir and adds their contents to sum.
func openData(m *mapping.Mapping, dir string, sum io.Writer) (*data, error) {
	d := &data{files: m.Files, joined: map[string]*table.Index{}, keys: map[string]int{}, headers: map[string]*table.Header{}}
	for i, f := range m.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return nil, errors.Join(fmt.Errorf("%s: a path must lie within the data folder", f.Path), d.close())
		}
		err := digest(sum, f.Path, path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && f.Optional:
			d.absent = append(d.absent, f.Path)
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, errors.Join(fmt.Errorf("%s is not in %s", f.Path, dir), d.close())
		case err != nil:
			return nil, errors.Join(err, d.close())
		}
		if i == 0 {
			err = d.openMain(path, f)
		} else {
			err = d.load(path, f)
		}
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	if m.Files[0].Group != "" {
		if err := d.group(); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

func (d *data) openMain(path string, f mapping.File) (err error) {
	if d.main, err = table.Open(path, f.Path, f.Format); err == nil {
		d.headers[f.Alias] = d.main.Header()
	}
	return err
}

func (d *data) load(path string, f mapping.File) error {
	column, err := d.main.Header().Column(f.To)
	if err != nil {
		return fmt.Errorf("join of %s: %w", f.Path, err)
	}
	x, err := table.Load(path, f.Path, f.Format, f.On)
	if err != nil {
		return err
	}
	d.joined[f.Alias], d.keys[f.Alias], d.headers[f.Alias] = x, column, x.Header()
	return nil
}

// digest adds the name and the contents of a file to sum.
func digest(sum io.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(sum, f)
	fmt.Fprintf(sum, "\x00%s\x00%d\x00", name, n)
	return err
}

func (d *data) close() error {
	if d.main == nil {
		return nil
	}
	return d.main.Close()
}

// read returns up to n rows with those joined to them, or n groups of rows; fewer only
// at the end.
func (d *data) read(n int) ([]pending, error) {
	if d.files[0].Group != "" {
		rows := d.groups[d.done:min(d.done+n, len(d.groups))]
		d.done += len(rows)
		return rows, nil
	}
	var rows []pending
	for len(rows) < n {
		row, err := d.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// next returns the next row of the main file, or why it could not be read, or [io.EOF].
func (d *data) next() (pending, error) {
	row, err := d.main.Next()
	if bad, ok := errors.AsType[*table.RowError](err); ok {
		return pending{bad: bad}, nil
	}
	if err != nil {
		return pending{}, err
	}
	joined := make(map[string][]table.Row, len(d.joined))
	for alias, x := range d.joined {
		joined[alias] = x.Rows(row.Cell(d.keys[alias]))
	}
	return pending{in: mapping.Input{Main: row, Joined: joined}}, nil
}

// group reads the whole main file and puts rows with the same cell in its column
// together, in the order of the first row of each.
func (d *data) group() error {
	column, err := d.main.Header().Column(d.files[0].Group)
	if err != nil {
		return fmt.Errorf("group: %w", err)
	}
	at := map[string]int{}
	for {
		row, err := d.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if row.bad == nil {
			key := row.in.Main.Cell(column)
			if i, ok := at[key]; ok {
				d.groups[i].in.Rows = append(d.groups[i].in.Rows, row.in.Main)
				continue
			}
			at[key] = len(d.groups)
			row.in.Rows = []table.Row{row.in.Main}
		}
		d.groups = append(d.groups, row)
	}
}

// offset returns how much of the main file is done, of its size.
func (d *data) offset() int64 {
	if d.files[0].Group == "" || len(d.groups) == 0 {
		return d.main.Offset()
	}
	return int64(float64(d.main.Size()) * float64(d.done) / float64(len(d.groups)))
}
