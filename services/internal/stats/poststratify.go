package stats

// maxWeight is how many times the mean weight one observation may count.
const maxWeight = 5

// PostStratify returns what each stratum is to stand for in a standardized figure where
// the population has sizes of each and n were observed: one observation of stratum h
// weighs (sizes[h]/Σsizes)/(n[h]/Σn), but no more than 5 times what they weigh on
// average (Holt and Smith 1979). Strata without observations drop out and the others
// stand for them. Sizes are 0 or more and their sum is finite.
func PostStratify(sizes []float64, n []int64) []float64 {
	population, observed := 0.0, 0.0
	for h, size := range sizes {
		if n[h] > 0 && size > 0 {
			population += size
			observed += float64(n[h])
		}
	}
	references := make([]float64, len(sizes))
	for h, size := range sizes {
		if n[h] > 0 && size > 0 {
			share := float64(n[h]) / observed
			references[h] = min(size/population, maxWeight*share) // the mean weight is 1
		}
	}
	return references
}
