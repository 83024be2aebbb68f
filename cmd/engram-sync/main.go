// Command engram-sync moves the memories of coding agents between a chunk
// directory and an Engram Cloud server.
package main

import (
	"context"
	"os"
)

func main() {
	ctx, stop := withSignals(context.Background())
	defer stop()
	os.Exit(run(ctx, newApp(os.Stdin, os.Stdout, os.Stderr, os.Environ()), os.Args[1:]))
}
