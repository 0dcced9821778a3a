package api

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	maxModels = 100 // a brand can have
	builtinID = "default"
)

// scoringModels are the scoring models of a server. The priors that a row leaves out are
// those of completed.
func (s *Server) scoringModels(completed *completion) *resource.Resource[*journeyv1.ScoringModel, store.Model] {
	return &resource.Resource[*journeyv1.ScoringModel, store.Model]{
		DB: s.db, Validator: s.validator, Table: store.Models, Collection: "scoringModels", Field: "scoring_model",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "state", Kind: filter.Enum, Enum: journeyv1.ScoringModel_State(0).Descriptor()},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
			{Name: "update_time", Kind: filter.Time, Order: "update_time"},
		},
		Message: modelToProto,
		Row:     newModel,
		Check: func(tx *sqldb.Tx, old store.Model, row *store.Model) error {
			return s.checkModel(tx, old, row, completed)
		},
		InUse: store.ModelServed,
		Users: "a revision that is or was active",
	}
}

// A completion is what the terms of a model were before and after their priors were
// estimated, which is done outside of the transaction.
type completion struct{ before, after store.Terms }

// complete estimates the priors that terms leave out: the brand's mean of the stage as of
// now, of decayed weights, or that of the model that is built in where there is none.
func (s *Server) complete(ctx context.Context, brand string, terms store.Terms) (*completion, error) {
	c := &completion{terms, terms}
	if !slices.Contains(terms.Priors[:], 0) {
		return c, nil
	}
	means, n, err := s.stageMeans(ctx, brand, &terms)
	if err != nil {
		return nil, err
	}
	for i := range terms.Priors {
		if terms.Priors[i] > 0 {
			continue
		}
		c.after.Priors[i], c.after.Estimated[i] = score.Default().Prior[i], true
		if n[i] > 0 {
			c.after.Priors[i] = min(max(means[i], leastPrior), 1)
		}
	}
	return c, nil
}

// stageMeans returns the brand's mean of each stage under terms. Where the brand keeps
// the sums that this needs, no touchpoint is read.
func (s *Server) stageMeans(ctx context.Context, brand string, terms *store.Terms) (means [score.Stages]float64, n [score.Stages]int64, err error) {
	now, m := sqldb.Micros(s.now()), terms.Kernel()
	active, err := s.models.active(ctx, brand)
	if err != nil {
		return means, n, err
	}
	for _, k := range []*score.Model{active, store.Builtin()} {
		if !k.SameLayout(m) {
			continue
		}
		err := s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
			j, err := snap.Pooled(ctx, brand, nil, k.Bucket(now), k)
			means, n = k.Means(j.Cells, now)
			return err
		})
		return means, n, err
	}
	const chunk = 10_000 // touchpoints that are held at a time
	var cells []score.Cell
	var touches []score.Touch
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		return snap.Scan(ctx, brand, store.Filter{From: 0, To: now}, func(t *store.Touchpoint) error {
			if touch, known := t.Touch(m); known {
				touches = append(touches, touch)
			}
			if len(touches) == chunk {
				cells, touches = append(cells, m.Fold(touches)...), touches[:0]
			}
			return nil
		})
	})
	means, n = m.Means(append(cells, m.Fold(touches)...), now)
	return means, n, err
}

// checkModel completes a row and makes a revision of it, unless only its display name
// is other than before. A model that comes back under its old id goes on where that
// ended.
func (s *Server) checkModel(tx *sqldb.Tx, old store.Model, row *store.Model, completed *completion) error {
	n := modelName(row.Brand, row.ID)
	if row.Terms.Priors != old.Terms.Priors || old.ID == "" {
		for i := range row.Terms.Estimated {
			row.Terms.Estimated[i] = row.Terms.Estimated[i] && old.ID != "" && row.Terms.Priors[i] == old.Terms.Priors[i]
		}
	}
	if slices.Contains(row.Terms.Priors[:], 0) {
		if before := completed.before; before.Priors != row.Terms.Priors || !before.Kernel().SameLayout(row.Terms.Kernel()) {
			return fault.Stale(n) // it has changed since the priors were estimated
		}
		for i := range row.Terms.Priors {
			if row.Terms.Priors[i] == 0 {
				row.Terms.Priors[i], row.Terms.Estimated[i] = completed.after.Priors[i], true
			}
		}
	}
	if old.ID != "" && row.Terms == old.Terms {
		row.Revision, row.State, row.Layout, row.Backtest = old.Revision, old.State, old.Layout, old.Backtest
		row.ActivateTime, row.RetireTime = old.ActivateTime, old.RetireTime
		return nil
	}
	last, err := store.LastModel(tx, row.Brand, row.ID)
	if err != nil {
		return err
	}
	row.Revision, row.State = last+1, int32(journeyv1.ScoringModel_STATE_DRAFT)
	revision := *row
	if old.ID == "" {
		n, err := store.CountModels(tx, row.Brand)
		if err != nil {
			return err
		}
		if n >= maxModels {
			brand := name.Join("brands", row.Brand)
			return fault.Precondition("TOO_MANY_MODELS", brand, "%s has %d scoring models and takes no more", brand, maxModels)
		}
	} else {
		revision.Version++ // as the row will have it
	}
	_, err = store.ModelRevisions.Add(tx, revision)
	return resource.Explain(n, err)
}

// CreateScoringModel implements ScoringService.
func (s *Server) CreateScoringModel(ctx context.Context, req *journeyv1.CreateScoringModelRequest) (*journeyv1.ScoringModel, error) {
	brand := name.Brand(req.GetParent())
	if req.GetScoringModelId() == builtinID {
		return nil, fault.Exists(modelName(brand, builtinID))
	}
	in := req.GetScoringModel()
	in.EstimatedPriors = nil
	row, err := newModel(in, table.Record{Brand: brand})
	if err != nil {
		return nil, err
	}
	completed, err := s.complete(ctx, brand, row.Terms)
	if err != nil {
		return nil, err
	}
	return s.scoringModels(completed).Create(ctx, req, in)
}

// GetScoringModel implements ScoringService.
func (s *Server) GetScoringModel(ctx context.Context, req *journeyv1.GetScoringModelRequest) (*journeyv1.ScoringModel, error) {
	brand := name.Brand(req.GetName())
	id, revision, revised := strings.Cut(name.ID(req.GetName()), "@")
	switch {
	case id != builtinID && revised:
		return s.revision(ctx, req.GetName(), id, revision)
	case id != builtinID:
		return s.scoringModels(nil).Get(ctx, req.GetName())
	case revised && revision != "1":
		return nil, fault.NotFound(req.GetName())
	}
	active, err := store.KernelOf(s.store.Active(ctx, brand))
	if err != nil {
		return nil, err
	}
	m := builtinModel(brand, active.Revision == store.Builtin().Revision)
	if revised {
		m.Name = req.GetName()
	}
	return m, nil
}

// revision returns a revision of a model, deleted or not.
func (s *Server) revision(ctx context.Context, n, id, revision string) (*journeyv1.ScoringModel, error) {
	number, err := strconv.ParseInt(revision, 10, 64)
	if err != nil {
		return nil, fault.NotFound(n)
	}
	rows, err := store.ModelRevisions.List(ctx, s.db, table.Listing{
		Brand: name.Brand(n), By: "revision", Limit: 1, Where: []filter.Clause{{Text: "id = ? AND revision = ?", Args: []any{id, number}}},
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.NotFound(n)
	}
	return revisionToProto(rows[0]), nil
}

// ListScoringModels implements ScoringService.
func (s *Server) ListScoringModels(ctx context.Context, req *journeyv1.ListScoringModelsRequest) (*journeyv1.ListScoringModelsResponse, error) {
	page, next, err := s.scoringModels(nil).List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListScoringModelsResponse{ScoringModels: page, NextPageToken: next}, nil
}

// UpdateScoringModel implements ScoringService.
func (s *Server) UpdateScoringModel(ctx context.Context, req *journeyv1.UpdateScoringModelRequest) (*journeyv1.ScoringModel, error) {
	n := req.GetScoringModel().GetName()
	if err := notBuiltin(n); err != nil {
		return nil, err
	}
	models := s.scoringModels(nil)
	rows, err := models.Table.List(ctx, s.db, table.Listing{
		Brand: name.Brand(n), Where: []filter.Clause{{Text: "id = ?", Args: []any{name.ID(n)}}}, By: "id", Limit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.NotFound(n)
	}
	row, err := models.Merge(rows[0], req.GetScoringModel(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	completed, err := s.complete(ctx, name.Brand(n), row.Terms)
	if err != nil {
		return nil, err
	}
	return s.scoringModels(completed).Update(ctx, req, req.GetScoringModel())
}

// DeleteScoringModel implements ScoringService.
func (s *Server) DeleteScoringModel(ctx context.Context, req *journeyv1.DeleteScoringModelRequest) (*emptypb.Empty, error) {
	if err := notBuiltin(req.GetName()); err != nil {
		return nil, err
	}
	return s.scoringModels(nil).Delete(ctx, req)
}

// ListScoringModelRevisions implements ScoringService. Those of a deleted model are
// there as well.
func (s *Server) ListScoringModelRevisions(ctx context.Context, req *journeyv1.ListScoringModelRevisionsRequest) (*journeyv1.ListScoringModelRevisionsResponse, error) {
	before := int64(math.MaxInt64)
	if err := page.Decode(req, &before); err != nil {
		return nil, err
	}
	rows, err := store.ModelRevisions.List(ctx, s.db, table.Listing{
		Brand: name.Brand(req.GetName()), By: "revision DESC", Limit: page.Size(req) + 1,
		Where: []filter.Clause{{Text: "id = ? AND revision < ?", Args: []any{name.ID(req.GetName()), before}}},
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && name.ID(req.GetName()) == builtinID {
		m, err := s.GetScoringModel(ctx, &journeyv1.GetScoringModelRequest{Name: req.GetName() + "@1"})
		return &journeyv1.ListScoringModelRevisionsResponse{ScoringModels: []*journeyv1.ScoringModel{m}}, err
	}
	if len(rows) == 0 {
		return nil, fault.NotFound(req.GetName())
	}
	resp := &journeyv1.ListScoringModelRevisionsResponse{}
	for _, m := range rows {
		resp.ScoringModels = append(resp.ScoringModels, revisionToProto(m))
	}
	if n := page.Fit(req, resp.GetScoringModels()); n < len(rows) {
		resp.ScoringModels = resp.GetScoringModels()[:n]
		resp.NextPageToken, err = page.Encode(req, rows[n-1].Revision)
	}
	return resp, err
}

// ActivateScoringModel implements ScoringService.
func (s *Server) ActivateScoringModel(ctx context.Context, req *journeyv1.ActivateScoringModelRequest) (*journeyv1.ActivateScoringModelResponse, error) {
	n := req.GetName()
	brand := name.Brand(n)
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.ActivateScoringModelResponse, error) {
		tx.AfterCommit(func() { s.models.forget(brand) })
		resp := &journeyv1.ActivateScoringModelResponse{}
		next := store.Model{Record: table.Record{Brand: brand, ID: builtinID}}
		if name.ID(n) != builtinID {
			var err error
			if next, err = s.scoringModels(nil).Lock(tx, n, req.GetEtag()); err != nil {
				return nil, err
			}
		} else if resource.Version(req.GetEtag()) != 0 { // it has no versions
			return nil, fault.Stale(n)
		}
		if err := s.activate(tx, &next); err != nil {
			return nil, err
		}
		resp.ScoringModel = modelToProto(next)
		if next.ID == builtinID {
			resp.ScoringModel = builtinModel(brand, true)
		}
		var err error
		resp.Recompute, err = s.startRecompute(tx, brand)
		return resp, err
	})
}

// activate makes next, the newest revision of a model that the transaction has locked,
// the active one.
func (s *Server) activate(tx *sqldb.Tx, next *store.Model) error {
	now, n := resource.Now(), modelName(next.Brand, next.ID)
	if next.ID != builtinID {
		switch journeyv1.ScoringModel_State(next.State) {
		case journeyv1.ScoringModel_STATE_ACTIVE:
			return nil
		case journeyv1.ScoringModel_STATE_DRAFT:
			return fault.Precondition("NOT_BACKTESTED", n, "%s has not been back-tested", n)
		}
		layout, ready, err := s.store.AddLayout(tx, next.Brand, next.Terms.Kernel())
		if err != nil {
			return err
		}
		if !ready {
			return fault.Precondition("NOT_BACKTESTED", n, "what %s needs is no longer kept; back-test it again", n)
		}
		next.Layout = layout
	}
	if err := retire(tx, next); err != nil {
		return err
	}
	if next.ID != builtinID {
		next.State, next.ActivateTime, next.RetireTime, next.UpdateTime = store.ActiveModel, now, time.Time{}, now
		store.SetRevision(tx, *next)
		row, err := store.Models.Update(tx, *next)
		if err != nil {
			return err
		}
		*next = row
	}
	store.Activated(tx, *next, now)
	_, err := s.store.RetireLayouts(tx, next.Brand, "")
	return err
}

// retire ends the revision that is active, to make place for next.
func retire(tx *sqldb.Tx, next *store.Model) error {
	was, err := store.ActiveIn(tx, next.Brand)
	switch {
	case errors.Is(err, store.ErrNotFound): // the model that is built in
		return nil
	case err != nil:
		return err
	}
	was.State, was.Layout, was.RetireTime = int32(journeyv1.ScoringModel_STATE_RETIRED), store.NoLayout, resource.Now()
	store.SetRevision(tx, was)
	head, err := store.Models.Lock(tx, was.Brand, was.ID)
	if err != nil || head.Revision != was.Revision || head.ID == next.ID {
		return err
	}
	head.State, head.Layout, head.RetireTime, head.UpdateTime = was.State, was.Layout, was.RetireTime, was.RetireTime
	_, err = store.Models.Update(tx, head)
	return err
}

// notBuiltin refuses to change the model that is built in.
func notBuiltin(n string) error {
	if name.ID(n) == builtinID {
		return fault.Precondition("BUILT_IN", n, "%s is built in", n)
	}
	return nil
}
