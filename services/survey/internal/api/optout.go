package api

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// GetOptOut implements InvitationService.
func (s *Server) GetOptOut(ctx context.Context, req *surveyv1.GetOptOutRequest) (*surveyv1.OptOut, error) {
	brand, customer := optOutKey(req.GetName())
	c, err := s.Store.OptOut(ctx, brand, customer)
	if err != nil {
		return nil, err
	}
	return toOptOut(c), nil
}

// UpdateOptOut implements InvitationService.
func (s *Server) UpdateOptOut(ctx context.Context, req *surveyv1.UpdateOptOutRequest) (*surveyv1.OptOut, error) {
	patch := req.GetOptOut()
	brand, customer := optOutKey(patch.GetName())
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.OptOut, error) {
		if err := s.refuse(brand, customer); err != nil {
			return nil, err
		}
		c, err := s.Store.LockOptOut(tx, brand, customer)
		if err != nil {
			return nil, err
		}
		merged := toOptOut(c)
		if patch.GetEtag() != "" && patch.GetEtag() != merged.GetEtag() {
			return nil, fault.Stale(patch.GetName())
		}
		if err := mask.Apply(merged, patch, req.GetUpdateMask()); err != nil {
			return nil, err
		}
		if err := s.Validator.Message(merged); err != nil {
			return nil, resource.Within("opt_out", err)
		}
		if int32(merged.GetConsent()) != c.Consent {
			c.Consent, c.ConsentTime = int32(merged.GetConsent()), s.now()
		}
		c.OptedOut, c.UpdateTime, c.Channels = merged.GetOptedOut(), s.now(), nil
		for _, channel := range merged.GetChannels() {
			c.Channels = append(c.Channels, int32(channel))
		}
		return toOptOut(s.Store.SetOptOut(tx, c)), nil
	})
}

// surveys is the purpose of the consents that decide whether a customer may be asked.
const surveys = "surveys"

// consent takes over what a customer said to the journey service. The later word counts,
// and of two at the same instant the refusal, in whatever order they come.
func (s *Server) consent(tx *sqldb.Tx, brand string, p *eventv1.ConsentChanged) error {
	if !s.lift(tx, brand, p) && s.refuse(brand, p.GetCustomer()) != nil || p.GetPurpose() != surveys {
		return nil
	}
	if brand == "" || name.Brand(p.GetCustomer()) != brand {
		return &fault.Error{Code: codes.InvalidArgument, Reason: "BAD_EVENT", Message: "the customer is not of the event's brand"}
	}
	c, err := s.Store.LockOptOut(tx, brand, within(brand, p.GetCustomer()))
	if err != nil {
		return err
	}
	said, at := surveyv1.OptOut_CONSENT_REFUSED, p.GetChangeTime().AsTime()
	if p.GetGranted() {
		said = surveyv1.OptOut_CONSENT_GRANTED
	}
	if at.Before(c.ConsentTime) || at.Equal(c.ConsentTime) && p.GetGranted() {
		return nil
	}
	c.Consent, c.ConsentTime, c.UpdateTime = int32(said), at, s.now()
	s.Store.SetOptOut(tx, c)
	return nil
}

func toOptOut(c store.Contact) *surveyv1.OptOut {
	p := &surveyv1.OptOut{
		Name: full(c.Brand, c.Customer) + "/optOut", OptedOut: c.OptedOut, Consent: surveyv1.OptOut_Consent(c.Consent),
		UpdateTime: given(c.UpdateTime), Etag: resource.Etag(c.Version),
	}
	for _, channel := range c.Channels {
		p.Channels = append(p.Channels, typev1.Channel(channel))
	}
	return p
}

// optOutKey takes the name of an opt-out apart.
func optOutKey(n string) (brand, customer string) {
	brand = name.Brand(n)
	return brand, within(brand, strings.TrimSuffix(n, "/optOut"))
}
