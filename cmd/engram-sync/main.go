// Command engram-sync moves the memories of coding agents between a chunk
// directory and an Engram Cloud server.
package main

import (
	"context"
	"os"

	"github.com/engram-sync/engram-sync/internal/cli"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// version is set by the linker in releases (.goreleaser.yaml); else Go's own record of the build counts.
var version string

func main() {
	ctx, stop := terminal.WithSignals(context.Background())
	code := cli.Run(ctx, version, os.Exit)
	stop()
	os.Exit(code)
}
