package driver

// A divider divides R² in all ways an analysis tells.
type divider struct {
	service []bool
	blocks  bool     // whether there are two
	shapley *shapley // nil with too many predictors
}

func newDivider(predictors []Predictor) *divider {
	d := &divider{}
	inner := 0
	for _, p := range predictors {
		d.service = append(d.service, p.Service)
		if p.Service {
			inner++
		}
	}
	d.blocks = inner > 0 && inner < len(predictors)
	if len(predictors) <= MaxShapley {
		d.shapley = newShapley(len(predictors))
	}
	return d
}

// divide returns R², the relative weights, the Shapley values if there are any, and
// the seven parts of a [Split] if there are two blocks.
func (d *divider) divide(c *correlation) []float64 {
	whole := c.explained(func(int) bool { return true })
	parts := append(make([]float64, 0, 2*c.p+8), whole)
	parts = c.weights(parts)
	if d.shapley != nil {
		parts = d.shapley.divide(c, parts)
	}
	if !d.blocks {
		return parts
	}
	service := c.explained(func(i int) bool { return d.service[i] })
	rest := c.explained(func(i int) bool { return !d.service[i] })
	return append(parts, service, rest, whole-rest, service+rest-whole, whole-service,
		(service+whole-rest)/2, (rest+whole-service)/2)
}
