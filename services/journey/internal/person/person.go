// Package person knows who is who: what makes two identities the same, which of them
// identify nobody, how lately somebody was seen, and how what may be read by few is kept.
// It knows nothing of gRPC or SQL.
package person

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// The kinds of identities.
const (
	email  = journeyv1.IdentityType_IDENTITY_TYPE_EMAIL
	phone  = journeyv1.IdentityType_IDENTITY_TYPE_PHONE
	device = journeyv1.IdentityType_IDENTITY_TYPE_DEVICE
	social = journeyv1.IdentityType_IDENTITY_TYPE_SOCIAL
)

// An Identity is what a customer is known by in another system.
type Identity struct {
	Type   journeyv1.IdentityType
	Source string // the system; says nothing of an e-mail address or a telephone number
	Value  string // normalized
}

// What is wrong with a value.
var (
	ErrControl = errors.New("must have something but spaces, and no control characters")
	ErrEmail   = errors.New("must be an e-mail address")
	ErrPhone   = errors.New("must be a telephone number in international form, such as +49 30 123456")
	ErrHandle  = errors.New("must be a handle without spaces")
)

// Normalize returns the identity that a value stands for: two values of one type that are
// the same after it are one.
func Normalize(t journeyv1.IdentityType, source, value string) (Identity, error) {
	value = strings.TrimSpace(norm.NFC.String(value))
	if value == "" || strings.ContainsFunc(value, unicode.IsControl) {
		return Identity{}, ErrControl
	}
	id, err := Identity{t, source, value}, error(nil)
	switch t {
	case email:
		id.Source = ""
		id.Value, err = address(value)
	case phone:
		id.Source = ""
		id.Value, err = number(value)
	case social:
		id.Value = lower(strings.TrimPrefix(value, "@"))
		if id.Value == "" || strings.ContainsFunc(id.Value, unicode.IsSpace) {
			err = ErrHandle
		}
	}
	return id, err
}

// lower returns s in lower case, in form NFC as s is.
func lower(s string) string { return norm.NFC.String(strings.ToLower(s)) }

// address normalizes an e-mail address.
func address(value string) (string, error) {
	local, domain, _ := strings.Cut(lower(value), "@")
	domain = strings.TrimSuffix(domain, ".")
	if before, _, tagged := strings.Cut(local, "+"); tagged && before != "" {
		local = before
	}
	if local == "" || strings.Contains(domain, "@") || strings.ContainsFunc(value, unicode.IsSpace) || slices.Contains(strings.Split(domain, "."), "") {
		return "", ErrEmail
	}
	return local + "@" + domain, nil
}

// number normalizes a telephone number. One with (0) in it is of two readings.
func number(value string) (string, error) {
	if strings.Contains(value, "(0)") {
		return "", ErrPhone
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-–./()", r) {
			return -1
		}
		return r
	}, value)
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		digits = "+" + rest
	}
	digits, ok := strings.CutPrefix(digits, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return "", ErrPhone
	}
	return "+" + digits, nil
}

// Shared reports whether several people use the identity: then it identifies nobody.
func (id Identity) Shared() bool {
	if id.Type != email {
		return false
	}
	local, _, _ := strings.Cut(id.Value, "@")
	switch strings.NewReplacer("-", "", "_", "", ".", "").Replace(local) {
	case "abuse", "accounting", "accounts", "admin", "administrator", "billing", "bookings", "bounce", "bounces", "buchhaltung",
		"care", "careers", "contact", "contactus", "customercare", "customerservice", "customersupport", "donotreply", "enquiries",
		"enquiry", "feedback", "finance", "hello", "help", "helpdesk", "hostmaster", "hr", "info", "information", "inquiries", "inquiry",
		"invoice", "invoices", "it", "jobs", "kontakt", "mail", "mailerdaemon", "marketing", "news", "newsletter", "nobody", "noreply",
		"notification", "notifications", "office", "orders", "post", "postmaster", "press", "privacy", "purchasing", "reception",
		"reservations", "returns", "root", "sales", "secretary", "security", "service", "shop", "spam", "staff", "store", "support",
		"team", "test", "unsubscribe", "webmaster", "welcome":
		return true
	}
	return false
}

// Anonymous reports whether the identity says nothing of who it is.
func (id Identity) Anonymous() bool { return id.Type == device }
