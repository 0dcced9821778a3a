// Command manifests prints the objects that an overlay of deploy/kubernetes consists of, as
// kubectl kustomize does, for who has no kubectl. Its tests check them.
//
//	manifests DIR
package main

import (
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("want one argument, the folder of an overlay")
	}
	text, err := render(filesys.MakeFsOnDisk(), args[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// render returns the objects of an overlay as YAML.
func render(files filesys.FileSystem, dir string) ([]byte, error) {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // what others need comes first
	all, err := krusty.MakeKustomizer(options).Run(files, dir)
	if err != nil {
		return nil, err
	}
	return all.AsYaml()
}
