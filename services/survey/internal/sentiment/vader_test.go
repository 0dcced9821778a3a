package sentiment

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestSentencesSoundAsTheReferenceSays(t *testing.T) {
	// Worked out by hand from the rules where the README of VADER does not give them.
	for text, want := range map[string]float64{
		"":                                     0,
		" ":                                    0,
		"it":                                   0,
		"VADER is smart, handsome, and funny.": 0.8316,
		"VADER is smart, handsome, and funny!": 0.8439,
		"VADER is very smart, handsome, and funny.":               0.8545,
		"VADER is VERY SMART, handsome, and FUNNY.":               0.9227,
		"VADER is VERY SMART, handsome, and FUNNY!!!":             0.9342,
		"VADER is not smart, handsome, nor funny.":                -0.7424,
		"The book was good.":                                      0.4404,
		"At least it isn't a horrible book.":                      0.431,
		"The book was only kind of good.":                         0.3832,
		"Today SUX!":                                              -0.5461,
		"Make sure you :) or :D today!":                           0.8633,
		"Not bad at all":                                          0.431,
		"Today only kinda sux! But I'll get by, lol":              0.5249,
		"Catch utf-8 emoji such as such as 💘 and 💋 and 😁":         0.875,
		"The book was good.\n\tThe book was good.":                0.7003,
		"It was, all in all, to die for":                          -0.5994,
		"the meal, they say, was the shit":                        0.6124,
		"We adore it but calm":                                    0.4497,
		"No good":                                                 -0.3412,
		"I am least happy":                                        -0.4585,
		"We were never so happy":                                  0.7702,
		"Nobody was without a doubt happy":                        0.7013,
		strings.Repeat("great ", 1600) + strings.Repeat("!", 400): 1,
	} {
		if got := (Vader{}).Analyze(text); got != want {
			t.Errorf("%.60q sounds like %v, want %v", text, got, want)
		}
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryPublishedSentenceSoundsAsPublished(t *testing.T) {
	for _, row := range sample(t, "vader/readme_sentences.csv") {
		if got, want := (Vader{}).Analyze(row["text"]), number(t, row["compound"]); got != want {
			t.Errorf("%q sounds like %v, want %v", row["text"], got, want)
		}
	}
}

// What expected.json says of the sets: how near the reference comes to people.
func TestEveryTextOfTheSetsSoundsAsTheReferenceSays(t *testing.T) {
	for _, set := range []struct {
		name         string
		r, agreement float64
	}{
		{"amazonReviewSnippets", 0.5622376644167223, 0.5491803278688525},
		{"tweets", 0.8505930519349759, 0.914},
	} {
		t.Run(set.name, func(t *testing.T) {
			reference := map[string]float64{}
			for _, row := range sample(t, "vader/"+set.name+"_reference_compound.csv") {
				reference[row["id"]] = number(t, row["compound"])
			}
			var heard, felt []float64
			alike, decided := 0, 0
			for _, row := range sample(t, "vader/"+set.name+".csv") {
				got, human := (Vader{}).Analyze(row["text"]), number(t, row["human_mean_valence_-4_to_4"])
				if want := reference[row["id"]]; got != want {
					t.Errorf("%s sounds like %v, want %v", row["id"], got, want)
				}
				heard, felt = append(heard, got), append(felt, human)
				if human != 0 {
					decided++
					if l := labeled(got); l == Positive && human > 0 || l == Negative && human < 0 {
						alike++
					}
				}
			}
			if len(heard) != 500 {
				t.Errorf("%d texts, want 500", len(heard))
			}
			if r := pearson(heard, felt); math.Abs(r-set.r) > 1e-6 {
				t.Errorf("the correlation with people is %v, want %v", r, set.r)
			}
			if got := float64(alike) / float64(decided); math.Abs(got-set.agreement) > 1e-12 {
				t.Errorf("the agreement with people is %v, want %v", got, set.agreement)
			}
		})
	}
}

func pearson(x, y []float64) float64 {
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		sx, sy, sxx, syy, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}

func TestReadersAtOnceReadAlike(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := (Vader{}).Analyze("VADER is VERY SMART, handsome, and FUNNY!!!"); got != 0.9342 {
					t.Errorf("it sounds like %v", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestALabelNeedsALanguageThatIsRead(t *testing.T) {
	r := Reader{Vader{}}
	for _, tt := range []struct {
		text, language string
		want           Label
	}{
		{"", "en", Unread},
		{"great", "en", Positive},
		{"great", "en-US", Positive},
		{"great", "EN", Positive},
		{"a table", "en", Neutral},
		{"terrible", "en", Negative},
		{"terrible", "pt", Unknown},
		{"terrible", Undetermined, Unknown},
		{"terrible", "", Unknown},
		{"terrible", "enm", Unknown},
	} {
		got := r.Read(tt.text, tt.language)
		if got.Label != tt.want {
			t.Errorf("%q in %q is %v, want %v", tt.text, tt.language, got.Label, tt.want)
		}
		if read := got.Analyzer == "vader" && got.Version != ""; read != (tt.want != Unread && tt.want != Unknown) {
			t.Errorf("%q in %q was read by %q %q", tt.text, tt.language, got.Analyzer, got.Version)
		}
	}
	if got := Reader(nil).Read("great", "en").Label; got != Unknown {
		t.Errorf("a reader without analyzers says %v, want Unknown", got)
	}
}

func TestTheThresholdsAreInside(t *testing.T) {
	for compound, want := range map[float64]Label{
		0.05: Positive, 0.0499: Neutral, 0: Neutral, -0.0499: Neutral, -0.05: Negative, 1: Positive, -1: Negative,
	} {
		if got := labeled(compound); got != want {
			t.Errorf("%v is %v, want %v", compound, got, want)
		}
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"a tweet", "@user I waited for two hours and nobody came, but the agent on the phone was really nice. Thanks! :)"},
		{"10,000 characters", strings.Repeat("good but bad so very GREAT not ", 323)[:10_000]},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				(Vader{}).Analyze(bb.text)
			}
		})
	}
}
