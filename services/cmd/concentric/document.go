package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// readMessage reads what a file says, in YAML or JSON with the fields of the contract,
// into m. The file - is standard input.
func readMessage(file string, m proto.Message) error {
	var (
		body []byte
		err  error
	)
	if file == "-" {
		body, err = io.ReadAll(os.Stdin)
	} else {
		body, err = os.ReadFile(file)
	}
	if err != nil {
		return err
	}
	var tree any
	if err := yaml.Unmarshal(body, &tree); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("%s: the keys must be text", file)
	}
	if err := protojson.Unmarshal(text, m); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
