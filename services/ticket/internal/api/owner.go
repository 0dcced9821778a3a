package api

import (
	"cmp"
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// known gives somebody's team and partner where only the agent is named and the
// directory knows who that is. A caller bound to a partner names nobody of another.
func known(tx *sqldb.Tx, brand, bound string, o store.Owner) (store.Owner, error) {
	if o.Agent != "" && (bound != "" || o.Team == "" || o.Partner == "") {
		a, err := store.Agents.Get(tx, brand, o.Agent)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return o, err
		case bound != "" && a.Partner != bound:
			return o, partnerBound()
		default:
			o.Team, o.Partner = cmp.Or(o.Team, a.Team), cmp.Or(o.Partner, a.Partner)
		}
	}
	if o.Team != "" && bound != "" {
		t, err := store.Teams.Get(tx, brand, o.Team)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return o, err
		case t.Partner != bound:
			return o, partnerBound()
		}
	}
	if bound != "" && o.Partner != "" && o.Partner != bound {
		return o, partnerBound()
	}
	return o, nil
}

// assignee completes whom a ticket is to go to from the directory, and refuses whoever
// is not there or inactive. A caller bound to a partner assigns within it.
func assignee(tx *sqldb.Tx, brand, bound string, o store.Owner) (store.Owner, error) {
	check := func(collection, id string, inactive bool, err error) error {
		n := ref(brand, collection, id)
		if err == nil && inactive {
			return fault.Precondition("INACTIVE", n, "%s is inactive", n)
		}
		return explain(n, err)
	}
	if o.Agent != "" {
		a, err := store.Agents.Get(tx, brand, o.Agent)
		if err == nil && bound != "" && a.Partner != bound {
			return o, partnerBound()
		}
		if err := check("agents", o.Agent, a.Inactive, err); err != nil {
			return o, err
		}
		if o.Team == "" {
			o.Team = a.Team
		}
		if o.Partner == "" {
			o.Partner = a.Partner
		}
	}
	if o.Team != "" {
		t, err := store.Teams.Get(tx, brand, o.Team)
		if err == nil && bound != "" && t.Partner != bound {
			return o, partnerBound()
		}
		if err := check("teams", o.Team, t.Inactive, err); err != nil {
			return o, err
		}
		if o.Partner == "" {
			o.Partner = t.Partner
		}
	}
	if bound != "" && o.Partner != bound {
		return o, partnerBound()
	}
	if o.Partner != "" {
		p, err := store.Partners.Get(tx, brand, o.Partner)
		if err := check("partners", o.Partner, p.Inactive, err); err != nil {
			return o, err
		}
	}
	return o, nil
}

// bind gives what a caller bound to a partner records to that partner.
func bind(ctx context.Context, o *store.Owner) error {
	bound := partnerOf(ctx)
	if bound == "" {
		return nil
	}
	if o.Partner != "" && o.Partner != bound {
		return partnerBound()
	}
	o.Partner = bound
	return nil
}

// partnerBound reports that a caller who acts for one partner asks for another.
func partnerBound() error {
	return &fault.Error{
		Code: codes.PermissionDenied, Reason: "PARTNER_BOUND",
		Message: "the credential is for one partner only, and the call is about another",
	}
}

// own gives t to o.
func own(t *store.Ticket, o store.Owner) { t.Agent, t.Team, t.Partner = o.Agent, o.Team, o.Partner }
