package intake

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// TestRefusalsOfAllRowsFitIntoOneAnswer has every row refused for as many reasons and
// in as many words as there can be.
func TestRefusalsOfAllRowsFitIntoOneAnswer(t *testing.T) {
	why := fault.Invalid(slices.Repeat([]fault.Field{{Path: "response.answers", Reason: "string.max_len", Description: strings.Repeat("é", 300)}}, 9)...)
	var (
		told Told
		all  surveyv1.ImportResponsesResponse
	)
	for i := range int64(maxRows) {
		row := &surveyv1.ImportResponseResult{Index: i, Error: Status(why)}
		told.Add(row, row.GetError())
		all.Results = append(all.Results, row)
	}
	first, last := all.GetResults()[0].GetError(), all.GetResults()[maxRows-1].GetError()
	if len(first.GetDetails()) == 0 || proto.Size(first) > 8<<10 {
		t.Errorf("the first error has %d bytes and %d details", proto.Size(first), len(first.GetDetails()))
	}
	if m := last.GetMessage(); len(last.GetDetails()) > 0 || len(m) > maxCurt || !utf8.ValidString(m) || !strings.HasSuffix(m, "…") || last.GetCode() != first.GetCode() {
		t.Errorf("the last error is %v", last)
	}
	if size := proto.Size(&all); size > 7<<20 {
		t.Errorf("the answer has %d bytes", size)
	}
}
