package e2e

import "testing"

// TestStories tells the stories by every protocol, to a suite in one process and to one of
// two replicas of each service, on PostgreSQL under a role that owns nothing, so that brands are
// kept apart by it as well, and three nodes of the bus. Each story lives in brands of its own.
func TestStories(t *testing.T) {
	t.Parallel()
	t.Run("single", func(t *testing.T) { tellAll(t, single(t)) })
	t.Run("cluster", func(t *testing.T) {
		s, _ := doubled(t)
		tellAll(t, s)
	})
}

func tellAll(t *testing.T, s *suite) {
	tell(t, s, map[string]*clients{"grpc": s.grpc(), "door": s.door(), "rest": s.rest("")})
}

// tell runs the stories by each of the protocols.
func tell(t *testing.T, s *suite, protocols map[string]*clients) {
	for protocol, c := range protocols {
		t.Run(protocol, func(t *testing.T) {
			for _, story := range []struct {
				name string
				test func(*testing.T, *clients)
			}{
				{"a resolved call is asked about once and its answer measures one touchpoint", ticketToSurvey},
				{"a device shows a survey that is pending, and its answer is stored once", pendingSurvey},
				{"a phone sends what it gathered offline, and each thing counts once", phone},
				{"who did what is written down", whoDidWhat},
				{"the head of service proves benchmarks", benchmarks},
				{"tickets that are merged and followed up stay one life", mergedLife},
				{"a repeated write has one effect and the same answer", repeated},
				{"order, repeats and batches have no say in a score", orderOfLife},
				{"a score of the past stays what it was", scoreOfThePast},
				{"a disappointed customer is noticed before the call, and won back", disappointed},
				{"a prospect becomes somebody, and is told apart again", prospect},
				{"a model is proved and gone by, and all stored scores follow", shorterMemory},
				{"the lowest answer is an answer", lowestAnswers},
				{"both views speak of one window and one nests in the other", compareViews},
				{"where there is no data a view says so, and zero is a value", emptyViews},
				{"two brands never see each other", twoBrands},
			} {
				t.Run(story.name, func(t *testing.T) { story.test(t, c) })
			}
		})
	}
	t.Run("a thousand histories come in by the door", func(t *testing.T) { histories(t, s.door()) })
	t.Run("a storm of comments is heard, acted on and kept apart from what was asked", func(t *testing.T) { socialStorm(t, s.door()) })
	t.Run("an app sees its customer and nobody else", func(t *testing.T) { oneCustomer(t, s) })
	t.Run("JSON shows the lowest answers", func(t *testing.T) { lowestAnswersInJSON(t, s) })
}
