// Makes and removes the directory of a volume, for local-path-provisioner: its own way is a shell script, for which an
// image would need a shell.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	path := flag.String("p", "", "the directory")
	action := flag.String("a", "", "create or delete")
	flag.Int64("s", 0, "its size in bytes, which nothing limits")
	flag.String("m", "", "the mode of the volume")
	flag.Parse()
	if err := act(*action, *path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func act(action, path string) error {
	switch action {
	case "create":
		return os.MkdirAll(path, 0o755)
	case "delete":
		return os.RemoveAll(path)
	}
	return fmt.Errorf("no such action: %q", action)
}
