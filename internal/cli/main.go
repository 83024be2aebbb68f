// Package cli is the commands of engram-sync: flags, output, exit codes, progress.
package cli

import (
	"context"
	"os"
)

// Main runs the command line of this process, and gives its exit code.
func Main(programVersion string) int {
	version = programVersion
	ctx, stop := withSignals(context.Background())
	defer stop()
	return run(ctx, newApp(os.Stdin, os.Stdout, os.Stderr, os.Environ()), os.Args[1:])
}
