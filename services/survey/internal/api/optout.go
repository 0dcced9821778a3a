package api

import (
	"context"
	"strings"

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
		c.OptedOut, c.Consent, c.UpdateTime, c.Channels = merged.GetOptedOut(), int32(merged.GetConsent()), s.now(), nil
		for _, channel := range merged.GetChannels() {
			c.Channels = append(c.Channels, int32(channel))
		}
		return toOptOut(s.Store.SetOptOut(tx, c)), nil
	})
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
