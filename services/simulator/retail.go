package simulator

import (
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// retail is a tidy shop with helpful people and a till that is always too slow.
func retail() profile {
	const (
		prices      = ticketv1.Ticket_ISSUE_KIND_QUERY_PRICING
		question    = ticketv1.Ticket_ISSUE_KIND_QUERY_PRODUCT
		warranty    = ticketv1.Ticket_ISSUE_KIND_QUERY_WARRANTY
		policy      = ticketv1.Ticket_ISSUE_KIND_QUERY_POLICY
		choosing    = ticketv1.Ticket_ISSUE_KIND_CHOOSING
		billing     = ticketv1.Ticket_ISSUE_KIND_BILLING
		replacement = ticketv1.Ticket_ISSUE_KIND_REPLACEMENT
		returns     = ticketv1.Ticket_ISSUE_KIND_RETURN
		complaint   = ticketv1.Ticket_ISSUE_KIND_COMPLAINT
		feedback    = ticketv1.Ticket_ISSUE_KIND_FEEDBACK
	)
	return profile{
		name:     "Corner & Co.",
		segments: []string{"club", "walk_in", "online"},
		headline: "goods", question: "How do you like what you bought?",
		every: 22,
		criteria: []criterion{
			{"window-display", "Window display", place{awareness, prePurchase, exposure, communication, outdoor, marketing, full}, .3, trouble{question, "Do you have the lamp from the window?"}},
			{"newsletter-offer", "Offer in the newsletter", place{awareness, prePurchase, exposure, communication, email, marketing, full}, -.1, trouble{prices, "The offer was not valid in my shop"}},
			{"store-layout", "Accessible and organized store", place{consideration, prePurchase, engagement, environment, inStore, stores, full}, .5, trouble{complaint, "The aisle is too narrow for a wheelchair"}},
			{"shop-site", "Shop on the web", place{consideration, prePurchase, engagement, environment, web, marketing, full}, 0, trouble{question, "Is it in stock near me?"}},
			{"product-choice", "Choice of products", place{consideration, prePurchase, engagement, product, inStore, development, full}, .2, trouble{choosing, "Which of the two should I take?"}},
			{"store-help", "Help by the people in the store", place{decision, purchase, interaction, service, inStore, stores, full}, .5, trouble{complaint, "Nobody had time for me"}},
			{"quick-billing", "Quick billing", place{decision, purchase, transaction, process, inStore, stores, full}, -.6, trouble{complaint, "Ten people in line and one till"}},
			{"cashless-payment", "Cashless payment", place{decision, purchase, transaction, process, inStore, finance, partners}, .2, trouble{billing, "My card was charged twice"}},
			{"discounts", "Discounts", place{decision, purchase, transaction, price, inStore, sales, full}, .1, trouble{prices, "The discount is missing on my receipt"}},
			{"goods", "What was bought", place{retention, productUse, engagement, product, inPerson, development, full}, .4, trouble{replacement, "It broke on the second day"}},
			{"club-perks", "Perks of the club", place{retention, productUse, engagement, price, mobileApp, marketing, full}, .1, trouble{policy, "My points have expired"}},
			{"return-desk", "Help at the return desk", place{retention, postPurchase, interaction, service, inStore, stores, full}, -.2, trouble{returns, "I could not return it without the box"}},
			{"repair-shop", "Repair under warranty", place{retention, postPurchase, interaction, service, inStore, support, partners}, -.2, trouble{warranty, "How long does the repair take?"}},
			{"next-visit", "Another visit to the store", place{retention, productUse, engagement, environment, inStore, stores, full}, .3, trouble{feedback, "You moved everything again"}},
			{"product-review", "Review on the web", place{advocacy, postPurchase, engagement, communication, web, marketing, partial}, .1, trouble{feedback, "My review does not show"}},
			{"recommendation", "Word of mouth", place{advocacy, postPurchase, engagement, communication, inPerson, marketing, none}, 0, trouble{feedback, "I sent my neighbor to you"}},
		},
		lines: []line{
			{inStore, sms, visit, 5 * time.Minute, .35},
			{phone, sms, call, 4 * time.Minute, .25},
			{email, email, message, 7 * time.Hour, .25},
			{social, social, message, 4 * time.Hour, .15},
		},
		desks: []desk{
			{"store-desk", "", []string{"rosa", "samir", "tomas"}, .4, 1.1, .4},
			{"online-care", "", []string{"uma", "viktor"}, .3, .9, .1},
			{"overflow-line", "brightline", []string{"wanda", "xavier", "yara"}, .3, 1.6, -.3},
		},
	}
}
