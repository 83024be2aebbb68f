// Command engram-sync moves the memories of coding agents between a chunk
// directory and an Engram Cloud server.
package main

import (
	"os"

	"github.com/engram-sync/engram-sync/internal/cli"
)

// version is set by the linker: see the Makefile and .goreleaser.yaml.
var version = "dev"

func main() { os.Exit(cli.Main(version)) }
