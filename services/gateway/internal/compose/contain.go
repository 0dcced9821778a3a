package compose

import (
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Containment shows how the inner circle lies within the outer one, or nil without the
// journey part.
func Containment(p Parts) *gatewayv1.Containment {
	n := p.Journey.GetNesting()
	if n == nil {
		return nil
	}
	return &gatewayv1.Containment{
		Touchpoints: n.GetTouchpoints(), ServiceTouchpoints: n.GetServiceTouchpoints(),
		Customers: n.GetCustomers(), ServiceCustomers: n.GetServiceCustomers(),
		TouchpointShare: measure.Estimate(stats.Wilson(n.GetServiceTouchpoints(), n.GetTouchpoints()), typev1.Unit_UNIT_RATIO),
		CustomerShare:   measure.Estimate(stats.Wilson(n.GetServiceCustomers(), n.GetCustomers()), typev1.Unit_UNIT_RATIO),
		Holds: n.GetServiceTouchpoints() <= n.GetTouchpoints() && n.GetServiceCustomers() <= n.GetCustomers() &&
			(n.GetServiceTouchpoints() == 0) == (n.GetServiceCustomers() == 0),
	}
}
