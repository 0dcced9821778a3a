package simulator

import (
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// it is a software house with a product people like, releases they fear and a
// helpline that passes them on.
func it() profile {
	const (
		prices    = ticketv1.Ticket_ISSUE_KIND_QUERY_PRICING
		question  = ticketv1.Ticket_ISSUE_KIND_QUERY_PRODUCT
		choosing  = ticketv1.Ticket_ISSUE_KIND_CHOOSING
		billing   = ticketv1.Ticket_ISSUE_KIND_BILLING
		usage     = ticketv1.Ticket_ISSUE_KIND_USAGE_HELP
		defect    = ticketv1.Ticket_ISSUE_KIND_DEFECT
		technical = ticketv1.Ticket_ISSUE_KIND_TECHNICAL
		complaint = ticketv1.Ticket_ISSUE_KIND_COMPLAINT
		grievance = ticketv1.Ticket_ISSUE_KIND_GRIEVANCE
		feedback  = ticketv1.Ticket_ISSUE_KIND_FEEDBACK
	)
	return profile{
		name:     "Northwind Software",
		segments: []string{"small_business", "enterprise", "public_sector"},
		headline: "product-use", question: "How do you like working with the product?",
		every: 16,
		criteria: []criterion{
			{"search-result", "Place in a search engine", place{awareness, prePurchase, exposure, communication, search, marketing, partial}, .1, trouble{question, "Does it run on our servers?"}},
			{"webinar", "Webinar", place{awareness, prePurchase, engagement, communication, event, marketing, full}, .4, trouble{question, "May I have the slides of the webinar?"}},
			{"product-demo", "Product demo", place{consideration, prePurchase, interaction, communication, event, sales, full}, .5, trouble{choosing, "Which edition do we need?"}},
			{"free-trial", "Free trial of 21 days", place{consideration, prePurchase, engagement, product, inProduct, development, full}, .2, trouble{usage, "The trial ends before we can test"}},
			{"pricing-page", "Prices on the web", place{consideration, prePurchase, engagement, price, web, marketing, full}, -.2, trouble{prices, "What does a seat cost from the 50th on?"}},
			{"contract", "Contract", place{decision, purchase, transaction, process, email, sales, full}, -.1, trouble{billing, "The order names the wrong edition"}},
			{"onboarding", "Onboarding", place{decision, purchase, interaction, product, web, development, full}, 0, trouble{usage, "We cannot import our users"}},
			{"product-use", "Using the product", place{retention, productUse, engagement, product, inProduct, development, full}, .6, trouble{usage, "How do I share a report?"}},
			{"release-quality", "Quality of a release", place{retention, productUse, engagement, product, inProduct, development, full}, -.6, trouble{defect, "Export is broken since the last release"}},
			{"user-interface", "User interface", place{retention, productUse, engagement, environment, inProduct, development, full}, .3, trouble{technical, "The page stays blank"}},
			{"renewal-price", "Price of the renewal", place{retention, postPurchase, transaction, price, email, finance, full}, -.2, trouble{billing, "The invoice is higher than agreed"}},
			{"call-smoothness", "How smoothly a call to the helpline goes", place{retention, postPurchase, interaction, service, phone, support, partners}, -.3, trouble{complaint, "I was passed on three times"}},
			{"contact-reason", "Reason for the call understood at once", place{retention, postPurchase, interaction, service, phone, support, partners}, .1, trouble{technical, "The answer was about another problem"}},
			{"grievance-redressal", "Redress of grievances", place{retention, postPurchase, interaction, service, email, support, full}, -.2, trouble{grievance, "My complaint of last month is still open"}},
			{"community-post", "Answer in the community", place{advocacy, postPurchase, engagement, communication, web, development, partial}, .2, trouble{feedback, "My idea got no answer"}},
			{"recommendation", "Word of mouth", place{advocacy, postPurchase, engagement, communication, inPerson, marketing, none}, 0, trouble{feedback, "A colleague asked me about you"}},
		},
		lines: []line{
			{phone, sms, call, 6 * time.Minute, .35},
			{email, email, message, 6 * time.Hour, .35},
			{chat, chat, message, 4 * time.Minute, .2},
			{web, email, message, 9 * time.Hour, .1},
		},
		desks: []desk{
			{"first-line", "", []string{"ines", "jonas", "kaya", "liv"}, .4, 1, .1},
			{"engineering", "", []string{"marek", "nadia"}, .25, 1.6, .6},
			{"night-desk", "mihir", []string{"omar", "priya", "quentin"}, .35, 1.3, -.4},
		},
	}
}
