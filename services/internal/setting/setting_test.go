package setting

import (
	"encoding/json"
	"testing"
)

func TestOnlyWhatIsUnsafeIsRefused(t *testing.T) {
	weak := Setting{Name: "callers", Value: "everybody", State: Weak, Advice: "add --keys"}
	bad := Setting{Name: "fsync", Value: "off", State: Unsafe, Advice: "turn it on"}
	for _, tt := range []struct {
		name  string
		all   []Setting
		worst State
		want  string
	}{
		{"nothing", nil, OK, ""},
		{"something weak", []Setting{{Name: "a"}, weak}, Weak, ""},
		{"something unsafe", []Setting{bad, weak}, Unsafe, "fsync is off: turn it on"},
		{"two of them", []Setting{bad, bad}, Unsafe, "fsync is off: turn it on\nfsync is off: turn it on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Worst(tt.all); got != tt.worst {
				t.Errorf("worst = %v, want %v", got, tt.worst)
			}
			got := ""
			if err := Refuse(tt.all); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("refused with %q, want %q", got, tt.want)
			}
		})
	}
	text, err := json.Marshal(weak)
	if want := `{"name":"callers","value":"everybody","state":"weak","advice":"add --keys"}`; err != nil || string(text) != want {
		t.Errorf("JSON = %s, %v, want %s", text, err, want)
	}
}
