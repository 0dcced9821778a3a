package front

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// An operation is what the document says of one method at one path.
type operation struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Ref      string `json:"$ref"`
	}
	Security  []map[string][]string
	Responses map[string]struct{ Headers map[string]any }
}

func TestTheDocumentDescribesEveryMethod(t *testing.T) {
	addr := serveOne(t, func(*rpc.Server) {})
	code, text := call(t, "GET", "http://"+addr+"/openapi.json", "", nil)
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]operation
		Components map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != http.StatusOK || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Fatalf("the document = %d, %v, OpenAPI %q", code, err, doc.OpenAPI)
	}
	described := map[string]bool{} // with * for each variable
	ids := map[string]bool{}
	variable := regexp.MustCompile(`\{([^}]*)\}`)
	for path, item := range doc.Paths {
		for verb, op := range item {
			described[strings.ToUpper(verb)+" "+variable.ReplaceAllString(path, "*")] = true
			if ids[op.OperationID] || !slices.Equal(slices.Sorted(maps.Keys(op.Responses)), []string{"200", "default"}) || len(op.Security) == 0 || len(op.Security[0]["bearer"]) != 1 {
				t.Errorf("%s %s = %+v", verb, path, op)
			}
			ids[op.OperationID] = true
			declared, changes := map[string]bool{}, false
			for _, p := range op.Parameters {
				changes = changes || strings.HasSuffix(p.Ref, "/IdempotencyKey")
				if declared[p.In+p.Name] && p.Name != "" {
					t.Errorf("%s %s declares %s twice", verb, path, p.Name)
				}
				declared[p.In+p.Name] = true
			}
			if _, told := op.Responses["200"].Headers["Concentric-Revision"]; told != changes {
				t.Errorf("%s %s changes something: %v, and says which revision it made: %v", verb, path, changes, told)
			}
			for _, v := range variable.FindAllStringSubmatch(path, -1) {
				if !declared["path"+v[1]] {
					t.Errorf("%s %s does not declare %s", verb, path, v[1])
				}
			}
		}
	}
	eachMethod(func(md protoreflect.MethodDescriptor) {
		if verb, path := binding(ruleOf(md)); path != "" {
			path = variable.ReplaceAllStringFunc(path, func(v string) string {
				if _, inner, ok := strings.Cut(strings.Trim(v, "{}"), "="); ok {
					return inner
				}
				return "*"
			})
			if !described[verb+" "+path] {
				t.Errorf("%s %s is not described: run make generate", verb, path)
			}
		}
	})
	for _, ref := range regexp.MustCompile(`"\$ref": "#/components/([^/"]*)/([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if doc.Components[ref[1]][ref[2]] == nil {
			t.Errorf("%s refers to nothing", ref[0])
		}
	}
}

func TestTheDocumentKnowsTheRules(t *testing.T) {
	_, text := call(t, "GET", "http://"+serveOne(t, func(*rpc.Server) {})+"/openapi.json", "", nil)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	ticket := doc.Components.Schemas["ticket.v1.Ticket"]
	if got := ticket.Properties["subject"]["maxLength"]; got != 256.0 {
		t.Errorf("a subject has %v characters, want 256", got)
	}
	if got := ticket.Properties["state"]["readOnly"]; got != true {
		t.Errorf("the state is for the caller to change: %v", got)
	}
	if len(ticket.Required) == 0 || len(doc.Components.Schemas["ticket.v1.Ticket.Changes"].Required) > 0 {
		t.Errorf("a ticket requires %v, its changes %v", ticket.Required, doc.Components.Schemas["ticket.v1.Ticket.Changes"].Required)
	}
}
