package abuse

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// profileRows are about what an industry is judged by.
func profileRows() []row {
	weighing := func(name string, weight float64) row {
		return both("P38", name, ask{
			req: profiled(func(r *journeyv1.CreateIndustryProfileRequest) {
				for _, c := range r.IndustryProfile.Criteria {
					c.Weight = proto.Float64(weight)
				}
			}), code: invalid, field: "industry_profile.criteria[0].weight",
		})
	}
	theirs := "brands/other/industryProfiles/retail"
	return []row{
		weighing("weights below zero", -1),
		weighing("weights of zero", 0),
		weighing("weights of a billion", 1e9),
		both("P38", "no criteria", ask{
			req:  profiled(func(r *journeyv1.CreateIndustryProfileRequest) { r.IndustryProfile.Criteria = nil }),
			code: invalid, field: "industry_profile.criteria",
		}),
		both("P39", "another brand's profile on a map", ask{
			req: &journeyv1.CreateJourneyMapRequest{Parent: acme, JourneyMap: &journeyv1.JourneyMap{DisplayName: "Plan", IndustryProfile: theirs}}, code: notFound,
		}),
		both("P39", "another brand's map under a profile", ask{
			req: &journeyv1.ApplyIndustryProfileRequest{Name: acme + "/industryProfiles/retail", JourneyMap: "brands/other/journeyMaps/default"}, code: notFound,
		}),
		each("P40", "a profile that changes", changedProfile),
	}
}

// changedProfile: what was applied stays as it was, so that a score does not change behind
// anybody's back; both revisions can be read.
func changedProfile(t *testing.T, s *suite, way surface) {
	id := "changing" + way.digit()
	p := must[*journeyv1.IndustryProfile](t, s, profiled(func(r *journeyv1.CreateIndustryProfileRequest) { r.IndustryProfileId = id }))
	applied := must[*journeyv1.ApplyIndustryProfileResponse](t, s, &journeyv1.ApplyIndustryProfileRequest{Name: p.GetName()})
	guest := acme + "/customers/guest" + way.digit()
	for _, d := range applied.GetTouchpointDefinitions() {
		must[*journeyv1.Touchpoint](t, s, record(func(r *visit) { r.Parent, r.Touchpoint.Definition = guest, d.GetName() }))
	}
	asked := &journeyv1.GetScoreRequest{Name: guest + "/score", AsOfTime: noon}
	before := must[*journeyv1.Score](t, s, asked)
	first := proto.CloneOf(p)
	p.Criteria[0].Weight = proto.Float64(9)
	s.create(t, way, "", &journeyv1.UpdateIndustryProfileRequest{IndustryProfile: p})
	after := must[*journeyv1.Score](t, s, asked)
	after.Basis.ReadTime = before.GetBasis().GetReadTime()
	if !proto.Equal(before, after) || before.GetBasis().GetIncluded() != 2 {
		t.Errorf("the score is %v, was %v", after, before)
	}
	kept := s.create(t, way, "", &journeyv1.ListIndustryProfileRevisionsRequest{Name: p.GetName()}).msg.(*journeyv1.ListIndustryProfileRevisionsResponse)
	var weights []string
	for _, r := range kept.GetIndustryProfiles() {
		weights = append(weights, fmt.Sprint(r.GetRevision(), ":", r.GetCriteria()[0].GetWeight()))
	}
	if got, want := fmt.Sprint(weights), fmt.Sprint([]string{"2:9", fmt.Sprint("1:", first.GetCriteria()[0].GetWeight())}); got != want {
		t.Errorf("revisions = %s, want %s", got, want)
	}
}
