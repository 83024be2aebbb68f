// Command launch runs a program for the bench and writes what it took into a file:
//
//	launch REPORT PROGRAM [ARG...]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/launch"
)

func main() {
	if err := launch.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}
