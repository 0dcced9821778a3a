package sentiment

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
)

// sample returns the rows of a CSV file of the sample data, which is no part of the
// repository, by their columns. It skips the test where there is no such data.
func sample(t *testing.T, file string) (all []map[string]string) {
	t.Helper()
	dir, err := filepath.Abs("../../../../../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "expected.json")); err != nil {
		t.Skipf("SKIPPED: no sample data at %s; it is not published with this repository", dir)
	}
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		one := make(map[string]string, len(row))
		for i, column := range rows[0] {
			one[column] = row[i]
		}
		all = append(all, one)
	}
	return all
}
