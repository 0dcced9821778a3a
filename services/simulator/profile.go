package simulator

import (
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A profile is what makes the brand of one industry.
type profile struct {
	name     string // what people call the brand
	segments []string
	criteria []criterion // what customers meet
	headline string      // the criterion the relationship survey asks about, by id
	question string      // how it asks
	every    float64     // days between two visits, on average
	lines    []line
	desks    []desk
}

// A criterion is one thing customers judge the brand by: a touchpoint definition
// with the truth about it that nobody sees.
type criterion struct {
	id, name string
	place    place
	quality  float64 // how good it is, in standard deviations of what customers feel
	trouble  trouble // what they ask for help with when it goes wrong
}

// A place is where a criterion lies on the journey map.
type place struct {
	stage     typev1.Stage
	phase     typev1.Phase
	kind      typev1.TouchpointKind
	component typev1.Component
	channel   typev1.Channel
	owner     typev1.Function
	control   typev1.ControlLevel
}

// service says whether p is part of the inner circle.
func (p place) service() bool { return p.component == service }

// A trouble is what a ticket is about.
type trouble struct {
	issue   ticketv1.Ticket_IssueKind
	subject string
}

// A line is a way to ask for help.
type line struct {
	channel typev1.Channel
	asks    typev1.Channel // where the survey after the contact is sent
	form    ticketv1.Interaction_Kind
	wait    time.Duration // for an answer, usually
	share   float64       // of all tickets
}

// A desk is a team that answers.
type desk struct {
	team    string
	partner string // empty for the brand's own people
	agents  []string
	share   float64 // of all tickets
	pace    float64 // its waiting time as a multiple of the usual
	skill   float64 // in standard deviations of what customers feel
}

func industries() map[string]profile {
	return map[string]profile{"restaurant": restaurant(), "it": it(), "retail": retail()}
}

const (
	awareness     = typev1.Stage_STAGE_AWARENESS
	consideration = typev1.Stage_STAGE_CONSIDERATION
	decision      = typev1.Stage_STAGE_DECISION
	retention     = typev1.Stage_STAGE_RETENTION
	advocacy      = typev1.Stage_STAGE_ADVOCACY

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

	phone     = typev1.Channel_CHANNEL_PHONE
	email     = typev1.Channel_CHANNEL_EMAIL
	chat      = typev1.Channel_CHANNEL_CHAT
	inStore   = typev1.Channel_CHANNEL_IN_STORE
	inPerson  = typev1.Channel_CHANNEL_IN_PERSON
	web       = typev1.Channel_CHANNEL_WEB
	mobileApp = typev1.Channel_CHANNEL_MOBILE_APP
	social    = typev1.Channel_CHANNEL_SOCIAL
	sms       = typev1.Channel_CHANNEL_SMS
	messaging = typev1.Channel_CHANNEL_MESSAGING
	outdoor   = typev1.Channel_CHANNEL_OUTDOOR
	search    = typev1.Channel_CHANNEL_SEARCH
	event     = typev1.Channel_CHANNEL_EVENT
	inProduct = typev1.Channel_CHANNEL_IN_PRODUCT

	marketing   = typev1.Function_FUNCTION_MARKETING
	sales       = typev1.Function_FUNCTION_SALES
	development = typev1.Function_FUNCTION_PRODUCT
	support     = typev1.Function_FUNCTION_SUPPORT
	finance     = typev1.Function_FUNCTION_FINANCE
	stores      = typev1.Function_FUNCTION_STORE_OPERATIONS

	full     = typev1.ControlLevel_CONTROL_LEVEL_FULL
	partners = typev1.ControlLevel_CONTROL_LEVEL_PARTNER
	partial  = typev1.ControlLevel_CONTROL_LEVEL_PARTIAL
	none     = typev1.ControlLevel_CONTROL_LEVEL_NONE

	message = ticketv1.Interaction_KIND_MESSAGE
	call    = ticketv1.Interaction_KIND_CALL
	visit   = ticketv1.Interaction_KIND_VISIT
)
