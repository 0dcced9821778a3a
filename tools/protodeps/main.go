// Command protodeps prints the third-party .proto files that our contracts and the
// details of our errors need, from the descriptors compiled into the Go modules the services link,
// so that the text and the Go types cannot drift apart.
//
//	protodeps OUT
package main

import (
	"fmt"
	"os"
	"path/filepath"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoregistry"
)

const notice = "// Copyright %s\n// SPDX-License-Identifier: Apache-2.0\n// Printed by tools/protodeps from the descriptors of the Go module; do not edit.\n\n"

var files = map[string]string{
	"google/api/annotations.proto":        "Google LLC",
	"google/api/field_behavior.proto":     "Google LLC",
	"google/api/client.proto":             "Google LLC",
	"google/api/http.proto":               "Google LLC",
	"google/api/launch_stage.proto":       "Google LLC",
	"google/longrunning/operations.proto": "Google LLC",
	"google/api/resource.proto":           "Google LLC",
	"google/rpc/error_details.proto":      "Google LLC",
	"google/rpc/status.proto":             "Google LLC",
	"buf/validate/validate.proto":         "2023-2026 Buf Technologies, Inc.",
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "protodeps:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the folder to write to")
	}
	printer := protoprint.Printer{Compact: true}
	for path, owner := range files {
		fd, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return err
		}
		text, err := printer.PrintProtoToString(fd)
		if err != nil {
			return fmt.Errorf("print %s: %w", path, err)
		}
		out := filepath.Join(args[0], path)
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(out, []byte(fmt.Sprintf(notice, owner)+text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
