package gateway

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/api"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/seal"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// newPrivacy returns what forgets customers and tells what is kept of them.
func newPrivacy(db *sqldb.DB, s *store.Store, tombstones *privacy.Tombstones, up Upstreams, secret []byte) (*api.Privacy, error) {
	if len(secret) != SecretKeySize {
		return nil, fmt.Errorf("the secret key has %d bytes, want %d", len(secret), SecretKeySize)
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "concentric erasure receipts", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(secret, "concentric exports")
	if err != nil {
		return nil, err
	}
	p := &api.Privacy{
		DB: db, Store: s, Validator: rpc.NewValidator(), Key: ed25519.NewKeyFromSeed(seed), Box: box, Queue: bus.NewQueue("gateway"),
		Services: []api.Keeper{
			{Name: "ticket", Client: ticketv1.NewPrivacyServiceClient(up.Ticket)},
			{Name: "survey", Client: surveyv1.NewPrivacyServiceClient(up.Survey)},
			{Name: "journey", Client: journeyv1.NewPrivacyServiceClient(up.Journey)},
		},
	}
	p.Own = &privacy.Server{
		DB: db, Tombstones: tombstones, Tables: store.PrivacyTables(), Rules: store.PrivacyRules(), Records: p.HoldsOf,
		Traces: []privacy.Trace{privacy.Answers(), privacy.Letters(), privacy.Audited(), store.Deliveries()},
	}
	return p, nil
}
