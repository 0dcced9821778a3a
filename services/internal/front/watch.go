package front

import (
	"context"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"
)

// maxWrite is how long a client may take to make room for what it is sent.
const maxWrite = 30 * time.Second

// lines is the JSON of all answers. Those of a watch come one a line, each a result or
// an error.
type lines struct{ *runtime.JSONPb }

// StreamContentType implements runtime.StreamContentType.
func (lines) StreamContentType(any) string { return "application/x-ndjson" }

// inTime gives the client of a call a time to take each message, since net/http itself
// waits as long as it is connected. A connection that knows no deadlines has none.
func inTime(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxWrite)) // net/http lifts it after the answer
	return nil
}
