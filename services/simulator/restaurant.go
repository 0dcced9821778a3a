package simulator

import (
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// restaurant is good food in a place that cannot keep up with its guests: waiting
// is what goes wrong.
func restaurant() profile {
	const (
		question  = ticketv1.Ticket_ISSUE_KIND_QUERY_PRODUCT
		billing   = ticketv1.Ticket_ISSUE_KIND_BILLING
		complaint = ticketv1.Ticket_ISSUE_KIND_COMPLAINT
		feedback  = ticketv1.Ticket_ISSUE_KIND_FEEDBACK
		technical = ticketv1.Ticket_ISSUE_KIND_TECHNICAL
		prices    = ticketv1.Ticket_ISSUE_KIND_QUERY_PRICING
	)
	return profile{
		name:     "Bob's Kitchen",
		segments: []string{"family", "couple", "business"},
		headline: "food-quality", question: "How was the food?",
		every: 20,
		criteria: []criterion{
			{"street-sign", "Sign in the street", place{awareness, prePurchase, exposure, communication, outdoor, marketing, full}, .2, trouble{question, "Is the offer on the sign still valid?"}},
			{"social-post", "Post on a social network", place{awareness, prePurchase, exposure, communication, social, marketing, partial}, .3, trouble{question, "Does the dish in the post come without nuts?"}},
			{"menu-online", "Menu on the web", place{consideration, prePurchase, engagement, communication, web, marketing, full}, .1, trouble{prices, "Prices on the web differ from those in the house"}},
			{"guest-reviews", "Reviews by other guests", place{consideration, prePurchase, exposure, communication, web, marketing, none}, .2, trouble{question, "Is it as loud as the reviews say?"}},
			{"online-reservation", "Online reservation", place{decision, purchase, transaction, service, web, stores, full}, -.1, trouble{technical, "My reservation was not there"}},
			{"waiting-time", "Waiting time for a table", place{decision, purchase, interaction, process, inStore, stores, full}, -.6, trouble{complaint, "We waited for our table for too long"}},
			{"waiter-friendliness", "Friendliness of the waiters", place{retention, productUse, interaction, service, inStore, stores, full}, .5, trouble{complaint, "The waiter was unfriendly"}},
			{"quick-service", "Quick service at the table", place{retention, productUse, interaction, service, inStore, stores, full}, -.3, trouble{complaint, "The food took an hour"}},
			{"food-quality", "Food quality", place{retention, productUse, engagement, product, inStore, development, full}, .7, trouble{complaint, "The fish was cold"}},
			{"cleanliness", "Cleanliness", place{retention, productUse, engagement, environment, inStore, stores, full}, .3, trouble{complaint, "The table was not clean"}},
			{"ambience", "Ambience", place{retention, productUse, engagement, environment, inStore, stores, full}, .4, trouble{feedback, "The music was too loud to talk"}},
			{"menu-variety", "Variety of the menu", place{retention, productUse, engagement, product, inStore, development, full}, 0, trouble{feedback, "Nothing on the menu for vegans"}},
			{"cost", "What the meal costs", place{retention, postPurchase, transaction, price, inStore, finance, full}, -.1, trouble{billing, "There is a mistake in my bill"}},
			{"review-answered", "Adapting to a customer's review", place{advocacy, postPurchase, interaction, service, web, support, full}, 0, trouble{feedback, "Nobody has answered my review"}},
			{"recommendation", "Word of mouth", place{advocacy, postPurchase, engagement, communication, inPerson, marketing, none}, 0, trouble{feedback, "I told my friends about that evening"}},
		},
		lines: []line{
			{phone, sms, call, 3 * time.Minute, .4},
			{email, email, message, 8 * time.Hour, .3},
			{messaging, messaging, message, 40 * time.Minute, .2},
			{social, social, message, 5 * time.Hour, .1},
		},
		desks: []desk{
			{"guest-care", "", []string{"amal", "bruno", "chiara"}, .45, .9, .4},
			{"duty-managers", "", []string{"dilek", "emil"}, .25, 1.3, .1},
			{"evening-line", "abacus", []string{"farid", "grace", "hugo"}, .3, 1.7, -.3},
		},
	}
}
