package api

import (
	"context"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

func customerName(brand, id string) string { return name.Join("brands", brand, "customers", id) }

// toCustomer returns c without what is kept elsewhere. What few may read is sealed, in the
// display name: so it goes into what [once.Do] remembers.
func toCustomer(c store.Customer) *journeyv1.Customer {
	p := &journeyv1.Customer{
		Name: customerName(c.Brand, c.ID), DisplayName: c.Sealed, Segments: c.Segments, Persona: c.Persona, Anonymous: c.Anonymous,
		Stage: typev1.Stage(c.Stage), ActivityStatus: journeyv1.Customer_ActivityStatus(c.Activity),
		TouchpointCount: c.Touchpoints, ServiceTouchpointCount: c.Services,
	}
	if c.Version != 0 {
		p.Etag, p.CreateTime, p.UpdateTime = resource.Etag(c.Version), timestamppb.New(c.CreateTime), timestamppb.New(c.UpdateTime)
	}
	if !c.DeleteTime.IsZero() {
		p.DeleteTime = timestamppb.New(c.DeleteTime)
	}
	if !c.Last.IsZero() {
		p.LastEventTime = timestamppb.New(c.Last)
	}
	if c.Root != "" {
		p.MergedInto = customerName(c.Brand, c.Root)
	}
	if f := c.First; f.ID != "" {
		p.FirstTouch = &journeyv1.FirstTouch{
			Touchpoint: touchpointName(c.Brand, f.Customer, f.ID), TouchpointDefinition: definitionName(c.Brand, f.Definition),
			Channel: typev1.Channel(f.Channel), Stage: typev1.Stage(f.Stage), EventTime: timestamppb.New(f.Time),
		}
		if f.Attributes != "" {
			json.Unmarshal([]byte(f.Attributes), &p.FirstTouch.Attributes) //nolint:errcheck,gosec // the service wrote it
		}
	}
	return p
}

// whole returns c with its identities, consents and the customers that are part of it,
// still sealed.
func (s *Server) whole(r store.Reader, c store.Customer) (*journeyv1.Customer, error) {
	p := toCustomer(c)
	family, err := store.Family(r, c.Brand, c.ID)
	if err != nil {
		return nil, err
	}
	for _, member := range family[1:] {
		p.MergedCustomers = append(p.MergedCustomers, customerName(c.Brand, member))
	}
	identities, err := store.Identities(r, c.Brand, family)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		p.Identities = append(p.Identities, &journeyv1.Identity{
			Type: journeyv1.IdentityType(i.Type), Source: i.Source, ValueHash: i.Hash, Verified: i.Verified,
			LinkTime: stamp(i.LinkTime), Customer: customerName(c.Brand, i.Customer),
		})
	}
	consents, err := store.Consents(r, c.Brand, family)
	for _, said := range consents {
		p.Consents = append(p.Consents, &journeyv1.Consent{
			Purpose: said.Purpose, Granted: said.Granted, ChangeTime: stamp(said.ChangeTime), Source: said.Source,
		})
	}
	return p, err
}

// open unseals p.
func (s *Server) open(p *journeyv1.Customer) error {
	private, err := s.keys.Open(p.GetName(), p.GetDisplayName())
	p.DisplayName, p.Custom = private.DisplayName, private.Custom
	return err
}

// reveal unseals the answer of a call, unless that failed with err or its caller may not
// read it.
func (s *Server) reveal(ctx context.Context, p *journeyv1.Customer, err error) (*journeyv1.Customer, error) {
	if err != nil {
		return nil, err
	}
	caller, _ := rpc.CallerFrom(ctx)
	if slices.Contains(caller.Scopes, "customers:read_pii") || slices.Contains(caller.Scopes, "*") {
		return p, s.open(p)
	}
	p.DisplayName, p.PiiWithheld = "", p.GetDisplayName() != ""
	return p, nil
}
