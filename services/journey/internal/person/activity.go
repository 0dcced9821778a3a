package person

import (
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

const (
	// Idle is how long after the last touchpoint a customer is idle.
	Idle = 90 * 24 * time.Hour
	// Lapse is how long after it a customer has lapsed.
	Lapse = 365 * 24 * time.Hour
	// Reach is how many of the latest touchpoints Activity needs to see at most.
	Reach = 1000

	comeback = 2 // transactions or engagements that make somebody active again
)

// A Sight is what Activity sees of a touchpoint.
type Sight struct {
	Time    time.Time
	Engaged bool // it was a transaction or an engagement
}

// Activity returns how lately somebody was seen as of now, and when time alone changes
// that; the zero time for never. Sights are the latest touchpoints, newest first, at most
// Reach of them; fewer do if there are two with Engaged among them, or if no others exist.
func Activity(sights []Sight, now time.Time) (status journeyv1.Customer_ActivityStatus, due time.Time) {
	if len(sights) == 0 {
		return journeyv1.Customer_ACTIVITY_STATUS_UNSPECIFIED, time.Time{}
	}
	last := sights[0].Time
	switch {
	case !now.Before(last.Add(Lapse)):
		return journeyv1.Customer_ACTIVITY_STATUS_LAPSED, time.Time{}
	case !now.Before(last.Add(Idle)):
		return journeyv1.Customer_ACTIVITY_STATUS_IDLE, last.Add(Lapse)
	case returned(sights):
		return journeyv1.Customer_ACTIVITY_STATUS_REACTIVATED, last.Add(Idle)
	}
	return journeyv1.Customer_ACTIVITY_STATUS_ACTIVE, last.Add(Idle)
}

// returned reports whether there was a pause after which the customer has engaged less
// than twice.
func returned(sights []Sight) bool {
	pause, engaged := look(sights)
	return pause && engaged < comeback
}

// Settled reports whether touchpoints before sights, the latest, have no say in Activity.
func Settled(sights []Sight) bool {
	pause, engaged := look(sights)
	return pause || engaged >= comeback
}

// look goes back to the last pause and counts how often the customer has engaged since,
// as far as that matters.
func look(sights []Sight) (pause bool, engaged int) {
	for i, s := range sights[:min(len(sights), Reach)] {
		if i > 0 && !s.Time.Add(Idle).After(sights[i-1].Time) {
			return true, engaged
		}
		if s.Engaged {
			engaged++
		}
		if engaged == comeback {
			break
		}
	}
	return false, engaged
}
