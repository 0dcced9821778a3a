package plan

import (
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	prePurchase  = typev1.Phase_PHASE_PRE_PURCHASE
	purchase     = typev1.Phase_PHASE_PURCHASE
	productUse   = typev1.Phase_PHASE_PRODUCT_USE
	postPurchase = typev1.Phase_PHASE_POST_PURCHASE

	interaction = typev1.TouchpointKind_TOUCHPOINT_KIND_INTERACTION
	transaction = typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION
	engagement  = typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT
	exposure    = typev1.TouchpointKind_TOUCHPOINT_KIND_EXPOSURE

	product       = typev1.Component_COMPONENT_PRODUCT
	service       = typev1.Component_COMPONENT_SERVICE
	environment   = typev1.Component_COMPONENT_ENVIRONMENT
	price         = typev1.Component_COMPONENT_PRICE
	process       = typev1.Component_COMPONENT_PROCESS
	communication = typev1.Component_COMPONENT_COMMUNICATION

	anywhere  = typev1.Channel_CHANNEL_UNSPECIFIED // the touchpoint says where
	phone     = typev1.Channel_CHANNEL_PHONE
	email     = typev1.Channel_CHANNEL_EMAIL
	inStore   = typev1.Channel_CHANNEL_IN_STORE
	inPerson  = typev1.Channel_CHANNEL_IN_PERSON
	web       = typev1.Channel_CHANNEL_WEB
	mobileApp = typev1.Channel_CHANNEL_MOBILE_APP
	social    = typev1.Channel_CHANNEL_SOCIAL
	messaging = typev1.Channel_CHANNEL_MESSAGING
	mail      = typev1.Channel_CHANNEL_MAIL
	outdoor   = typev1.Channel_CHANNEL_OUTDOOR
	search    = typev1.Channel_CHANNEL_SEARCH
	event     = typev1.Channel_CHANNEL_EVENT
	inProduct = typev1.Channel_CHANNEL_IN_PRODUCT

	marketing   = typev1.Function_FUNCTION_MARKETING
	sales       = typev1.Function_FUNCTION_SALES
	development = typev1.Function_FUNCTION_PRODUCT
	support     = typev1.Function_FUNCTION_SUPPORT
	logistics   = typev1.Function_FUNCTION_LOGISTICS
	finance     = typev1.Function_FUNCTION_FINANCE
	stores      = typev1.Function_FUNCTION_STORE_OPERATIONS

	full    = typev1.ControlLevel_CONTROL_LEVEL_FULL
	partner = typev1.ControlLevel_CONTROL_LEVEL_PARTNER
	partial = typev1.ControlLevel_CONTROL_LEVEL_PARTIAL
	none    = typev1.ControlLevel_CONTROL_LEVEL_NONE
)

// A row is a built-in definition as the table below writes it.
type row struct {
	id, displayName string
	phase           typev1.Phase
	kind            typev1.TouchpointKind
	component       typev1.Component
	channel         typev1.Channel
	owner           typev1.Function
	control         typev1.ControlLevel
	service         bool
}

// Builtin returns the definitions that every brand begins with, over the five
// stages and four phases. Each call returns its own copy.
func Builtin() []Definition {
	var all []Definition
	for stage, rows := range [][]row{
		typev1.Stage_STAGE_AWARENESS:     attracting(),
		typev1.Stage_STAGE_CONSIDERATION: considering(),
		typev1.Stage_STAGE_DECISION:      deciding(),
		typev1.Stage_STAGE_RETENTION:     retaining(),
		typev1.Stage_STAGE_ADVOCACY:      advocating(),
	} {
		for _, r := range rows {
			all = append(all, Definition{
				ID: r.id, DisplayName: r.displayName,
				Stage: typev1.Stage(stage), Phase: r.phase, //nolint:gosec // the index is a stage
				Kind: r.kind, Component: r.component, Channel: r.channel,
				Owner: r.owner, Control: r.control, Service: r.service, Weight: 1,
			})
		}
	}
	return append(all, contents()...)
}

// attracting returns what makes people aware of the brand.
func attracting() []row {
	return []row{
		{"email-campaign", "Email campaign", prePurchase, exposure, communication, email, marketing, full, false},
		{"newsletter", "Newsletter", prePurchase, exposure, communication, email, marketing, full, false},
		{"online-ad", "Online ad", prePurchase, exposure, communication, web, marketing, full, false},
		{"outdoor-display", "Outdoor display", prePurchase, exposure, communication, outdoor, marketing, full, false},
		{"promotion", "Promotion", prePurchase, exposure, price, anywhere, marketing, full, false},
		{"search-ad", "Ad beside search results", prePurchase, exposure, communication, search, marketing, full, false},
		{"search-result", "Search result", prePurchase, exposure, communication, search, marketing, partial, false},
		{"social-engagement", "Comment or reaction on a social network", prePurchase, engagement, communication, social, marketing, partial, false},
		{"social-post", "Social media post", prePurchase, exposure, communication, social, marketing, full, false},
		{"webinar", "Webinar or seminar", prePurchase, engagement, communication, event, marketing, full, false},
	}
}

// considering returns what people consider buying by.
func considering() []row {
	return []row{
		{"influencer-post", "Post by an influencer", prePurchase, exposure, communication, social, marketing, partial, false},
		{"peer-review", "Review by another customer", prePurchase, exposure, communication, web, marketing, none, false},
		{"product-trial", "Trial or demo", prePurchase, engagement, product, inProduct, development, full, false},
		{"sales-conversation", "Conversation with sales staff", prePurchase, interaction, communication, inPerson, sales, full, false},
		{"store-visit", "Visit to a store", prePurchase, engagement, environment, inStore, stores, full, false},
		{"testimonial", "Testimonial by another customer", prePurchase, exposure, communication, web, marketing, partial, false},
		{"website-visit", "Visit to the website", prePurchase, engagement, environment, web, marketing, full, false},
	}
}

// deciding returns what people decide and buy by.
func deciding() []row {
	return []row{
		{"case-study", "Case study", prePurchase, exposure, communication, web, marketing, full, false},
		{"checkout", "Checkout", purchase, transaction, process, web, sales, full, false},
		{"delivery", "Delivery", purchase, transaction, process, mail, logistics, partner, false},
		{"packaging", "Packaging", purchase, exposure, product, mail, logistics, full, false},
		{"payment", "Billing and payment", purchase, transaction, price, web, finance, partial, false},
		{"product-finding", "Finding the right product", purchase, engagement, process, web, sales, full, false},
		{"site-navigation", "Navigation of the website", purchase, engagement, environment, web, marketing, full, false},
		{"special-offer", "Special offer or discount", purchase, exposure, price, anywhere, marketing, full, false},
		{"store-purchase", "Purchase in a store", purchase, transaction, process, inStore, stores, full, false},
		{"thank-you-page", "Thanks for the purchase", purchase, exposure, communication, web, marketing, full, false},
	}
}

// retaining returns what keeps customers.
func retaining() []row {
	return []row{
		{"cross-sell", "Offer of more or of better", postPurchase, exposure, price, anywhere, sales, full, false},
		{"feedback-request", "Request for feedback", postPurchase, exposure, communication, email, support, full, false},
		{"onboarding", "Installation and first use", productUse, engagement, process, inProduct, development, full, false},
		{"product-return", "Return, repair or replacement", postPurchase, transaction, process, mail, logistics, partial, true},
		{"product-suggestion", "Suggestion of products that fit", postPurchase, exposure, communication, email, marketing, full, false},
		{"product-use", "Use of the product", productUse, engagement, product, inProduct, development, full, false},
		{"renewal", "Renewal or upgrade", postPurchase, transaction, price, web, sales, full, false},
		{SupportInteraction, "Contact with customer support", postPurchase, interaction, service, anywhere, support, full, true},
		{SupportResolution, "Outcome of a request for help", postPurchase, interaction, service, anywhere, support, full, true},
	}
}

// advocating returns what customers tell others by.
func advocating() []row {
	return []row{
		{"loyalty-program", "Loyalty program", postPurchase, engagement, price, mobileApp, marketing, full, false},
		{"referral", "Referral to a friend", postPurchase, interaction, communication, messaging, marketing, none, false},
		{"review-written", "Review written", postPurchase, engagement, communication, web, marketing, none, false},
		{"social-share", "Share on a social network", postPurchase, engagement, communication, social, marketing, none, false},
		{"word-of-mouth", "Recommendation by word of mouth", postPurchase, engagement, communication, inPerson, marketing, none, false},
	}
}

// contents returns the definition of what there is to read and to watch in each stage,
// by which customers judge whether it fits where they are.
func contents() (all []Definition) {
	for _, c := range []struct {
		id    string
		stage typev1.Stage
		phase typev1.Phase
	}{
		{"awareness", typev1.Stage_STAGE_AWARENESS, prePurchase},
		{"consideration", typev1.Stage_STAGE_CONSIDERATION, prePurchase},
		{"decision", typev1.Stage_STAGE_DECISION, purchase},
		{"retention", typev1.Stage_STAGE_RETENTION, productUse},
		{"advocacy", typev1.Stage_STAGE_ADVOCACY, postPurchase},
	} {
		all = append(all, Definition{
			ID: "content-" + c.id, DisplayName: "Content for the stage of " + c.id, Stage: c.stage, Phase: c.phase,
			Kind: exposure, Component: communication, Channel: web, Owner: marketing, Control: full, Weight: 1,
			Criterion: ContentRelevance,
		})
	}
	return all
}
