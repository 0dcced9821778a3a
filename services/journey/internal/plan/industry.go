package plan

import (
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// serving is the group of the service criteria in the built-in profiles.
const serving = "service"

// Industries returns the profiles that every brand begins with. Each call returns its
// own copy.
func Industries() []Profile {
	return []Profile{restaurant(), technology(), retail(), software()}
}

// A trait is a leaf of a built-in profile as the tables below write it.
type trait struct {
	id, displayName string
	stage           typev1.Stage
	phase           typev1.Phase
	kind            typev1.TouchpointKind
	component       typev1.Component
	channel         typev1.Channel
	owner           typev1.Function
	control         typev1.ControlLevel
	expected        *Expected
}

// tree makes criteria of what belongs to the experience alone and of what belongs to
// service, which is a part of it.
func tree(alone, served []trait) []Criterion {
	var all []Criterion
	for _, t := range alone {
		all = append(all, t.criterion(""))
	}
	all = append(all, Criterion{ID: serving, DisplayName: "Customer service", Service: true, Component: service})
	for _, t := range served {
		c := t.criterion(serving)
		c.Service = true
		all = append(all, c)
	}
	return all
}

func (t trait) criterion(group string) Criterion {
	return Criterion{
		ID: t.id, DisplayName: t.displayName, Group: group, Stage: t.stage, Phase: t.phase, Kind: t.kind,
		Component: t.component, Channel: t.channel, Owner: t.owner, Control: t.control, Expected: t.expected,
	}
}

const (
	awareness     = typev1.Stage_STAGE_AWARENESS
	consideration = typev1.Stage_STAGE_CONSIDERATION
	decision      = typev1.Stage_STAGE_DECISION
	retention     = typev1.Stage_STAGE_RETENTION
	advocacy      = typev1.Stage_STAGE_ADVOCACY
)

// atMost expects no more than target, and is delighted by exceed.
func atMost(measure string, target, exceed float64) *Expected {
	return &Expected{Measure: measure, Target: target, Exceed: &exceed, LowerIsBetter: true}
}

func restaurant() Profile {
	return Profile{
		ID: "restaurant", DisplayName: "Restaurant",
		Criteria: tree([]trait{
			{"food-quality", "Quality of the food", retention, productUse, engagement, product, inStore, development, full, nil},
			{"cleanliness", "Cleanliness", retention, productUse, exposure, environment, inStore, stores, full, nil},
			{"ambience", "Ambience", retention, productUse, exposure, environment, inStore, stores, full, nil},
			{"waiting-time", "Waiting time", decision, purchase, transaction, process, inStore, stores, full, atMost("minutes until the food comes", 20, 10)},
			{"menu-variety", "Variety of the menu", consideration, prePurchase, exposure, product, inStore, development, full, nil},
			{"cost", "Cost", decision, purchase, transaction, price, inStore, finance, full, nil},
		}, []trait{
			{"friendliness", "Friendliness of the waiters", retention, productUse, interaction, service, inStore, stores, full, nil},
			{"quick-service", "Quickness of the service", retention, productUse, interaction, service, inStore, stores, full, atMost("minutes until somebody comes", 5, 2)},
			{"online-reservation", "Online reservation", decision, purchase, transaction, service, web, marketing, full, nil},
			{"review-adapted", "Something changed after a review", advocacy, postPurchase, interaction, service, web, support, full, nil},
		}),
	}
}

func technology() Profile {
	return Profile{
		ID: "it", DisplayName: "Information technology", Steps: &Steps{Min: 5, Max: 20},
		Criteria: tree([]trait{
			{"product-quality", "Quality of the product as promised", retention, productUse, engagement, product, inProduct, development, full, nil},
			{"installation", "Ease of installation", retention, productUse, engagement, process, inProduct, development, full, nil},
			{"usage", "Ease of use", retention, productUse, engagement, product, inProduct, development, full, nil},
			{"user-interface", "User interface", retention, productUse, engagement, environment, inProduct, development, full, nil},
		}, []trait{
			{"call-smoothness", "How smoothly a call with the helpline goes", retention, postPurchase, interaction, service, phone, support, partner, atMost("transfers in a call", 1, 0)},
			{"contact-reason", "Whether the reason for the call is understood", retention, postPurchase, interaction, service, phone, support, partner, nil},
			{"redress", "The procedure of redress", retention, postPurchase, interaction, service, anywhere, support, full, nil},
		}),
	}
}

func retail() Profile {
	return Profile{
		ID: "retail", DisplayName: "Retail", Steps: &Steps{Min: 5, Max: 6},
		Criteria: tree([]trait{
			{"store-layout", "Accessible and organized store", consideration, prePurchase, engagement, environment, inStore, stores, full, nil},
			{"quick-billing", "Quick billing", decision, purchase, transaction, process, inStore, stores, full, atMost("minutes at the till", 5, 2)},
			{"cashless", "Cash machine and cashless payment", decision, purchase, transaction, process, inStore, finance, partial, nil},
			{"discounts", "Discounts and perks", decision, purchase, exposure, price, anywhere, marketing, full, nil},
		}, []trait{
			{"store-help", "How the store representatives help", consideration, prePurchase, interaction, service, inStore, stores, full, nil},
		}),
	}
}

func software() Profile {
	return Profile{
		ID: "saas", DisplayName: "Software as a service", Steps: &Steps{Min: 5, Max: 20},
		ConversionWindow: 21 * 24 * time.Hour,
		Criteria: tree([]trait{
			{"content", "Content that fits the stage", awareness, prePurchase, exposure, communication, web, marketing, full, nil},
			{"website", "Easy and interactive website", consideration, prePurchase, engagement, environment, web, marketing, full, nil},
			{"demo", "Demo", consideration, prePurchase, engagement, product, web, sales, full, nil},
			{"free-trial", "Free trial", consideration, prePurchase, engagement, product, inProduct, development, full, nil},
			{"case-studies", "Case studies and testimonials", decision, prePurchase, exposure, communication, web, marketing, partial, nil},
			{"options-shown", "Number of options shown", decision, purchase, exposure, process, web, sales, full, atMost("options on the page", 5, 3)},
			{"offers", "Special offers and discounts", decision, purchase, exposure, price, web, marketing, full, nil},
			{"onboarding", "Ease of the first use", retention, productUse, engagement, process, inProduct, development, full, nil},
			{"user-interface", "User interface", retention, productUse, engagement, environment, inProduct, development, full, nil},
			{"product-quality", "Quality of the product as promised", retention, productUse, engagement, product, inProduct, development, full, nil},
		}, []trait{
			{"self-service", "Knowledge base and chatbot", retention, postPurchase, interaction, service, web, support, full, nil},
			{"support", "Help by people", retention, postPurchase, interaction, service, anywhere, support, full, nil},
			{"feedback-asked", "Feedback asked for before there is a problem", retention, postPurchase, interaction, service, anywhere, support, full, nil},
		}),
	}
}
