package mapping

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ID makes the last segment of a resource name of an id from somewhere else: in
// lower case if that fits, else `h` and a hash. The same id always gives the same
// segment; ids that differ only in case are one.
func ID(external string) string {
	id := strings.ToLower(norm.NFC.String(strings.TrimSpace(external)))
	if id == "" || fits(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "h" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// fits reports whether id can be a segment of a resource name as it is.
func fits(id string) bool {
	for i, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return 0 < len(id) && len(id) <= 63
}
