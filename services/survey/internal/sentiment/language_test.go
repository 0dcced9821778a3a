package sentiment

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestALanguageIsDetectedOrLeftOpen(t *testing.T) {
	for text, want := range map[string]string{
		"":                              Undetermined,
		"...":                           Undetermined,
		"😁😁":                            Undetermined,
		"ok":                            Undetermined,
		"12345":                         Undetermined,
		"I don’t think that this works": "en",
		"The app keeps crashing":        "en",
		"Produto chegou antes do prazo, muito bom":                  "pt",
		"Les prix sont trop élevés et le personnel est peu aimable": "fr",
		"El pedido no llegó y nadie me contesta":                    "es",
		"Das Paket ist nicht angekommen und keiner meldet sich":     "de",
		"Il pacco non è arrivato e nessuno risponde":                "it",
		"Het pakket is niet aangekomen en niemand reageert":         "nl",
		"Доставка была очень быстрой, спасибо большое":              "ru",
		"商品はとても良かったです":                                              "ja",
		"de de de no no no":                                         Undetermined,
	} {
		if got := Detect(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	long := strings.Repeat("é", maxDetected)
	if !utf8.ValidString(head(long, 101)) || len(head(long, 101)) != 100 {
		t.Error("a character was cut in two")
	}
}

func TestEnglishIsFoundAndNothingElseIsTakenForIt(t *testing.T) {
	for _, tt := range []struct {
		file, column, language string
		found                  float64 // at least this share is
		mistaken               float64 // at most this share is given another language
	}{
		{"tweets/airline_tweets.csv", "text", "en", 0.95, 0.02},
		{"reviews_ba/ba.csv", "ReviewBody", "en", 1, 0},
		{"reviews_alexa/alexa.csv", "verified_reviews", "en", 0.88, 0.02},
		{"olist/reviews.csv", "review_comment_message", "pt", 0.84, 0.015},
		{"nps/nps.csv", "comment", "fr", 0.91, 0.01},
	} {
		all, found, english, mistaken := 0, 0, 0, 0
		for _, row := range sample(t, tt.file) {
			text := row[tt.column]
			if strings.TrimSpace(text) == "" {
				continue
			}
			all++
			switch got := Detect(text); got {
			case tt.language:
				found++
			case Undetermined:
			case "en":
				english++
				mistaken++
			default:
				mistaken++
			}
		}
		n := float64(all)
		t.Logf("%s: of %d %d are %s, %d mistaken", tt.file, all, found, tt.language, mistaken)
		if all == 0 || float64(found)/n < tt.found || float64(mistaken)/n > tt.mistaken || float64(english)/n > 0.003 {
			t.Errorf("%s: %d of %d are %s, %d another language, %d of these English", tt.file, found, all, tt.language, mistaken, english)
		}
	}
}

func TestSmallWordsFitTheirBound(t *testing.T) {
	for w := range small {
		if len(w) > maxSmall {
			t.Errorf("%q has more than %d bytes", w, maxSmall)
		}
	}
}

func BenchmarkDetect(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"a tweet", "@user I waited for two hours and nobody came, but the agent on the phone was really nice. Thanks! :)"},
		{"by trigrams", "@user Waiting hours nobody comes agents nice thanks great flight delayed"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				Detect(bb.text)
			}
		})
	}
}
