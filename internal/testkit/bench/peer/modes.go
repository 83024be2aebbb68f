// Package peer has what engram-sync is compared with, and the servers that it is not: each is a mode of
// the bench program, which runs it as a process of its own. A mode takes its arguments as flags, prints
// what it found, and fails unless all of it went well.
package peer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Mode is a program of its own.
type Mode func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// Modes are all of them, by name.
var Modes = map[string]Mode{
	"pull":           standIn((*client).pull),
	"push":           standIn((*client).push),
	"status":         standIn((*client).status),
	"mutations-pull": standIn((*client).pullMutations),
	"mutations-push": standIn((*client).pushMutations),
	"gunzip":         gunzip,
	"gzip":           pack,
	"fsync":          syncEach,
	"load":           load,
	"calm":           calm,
	"hostile":        beHostile,
	"project":        serveProject,
	"manifest":       serveManifest,
	"store":          serveStore,
	"store-push":     storeClient(storePush),
	"store-pull":     storeClient(storePull),
}

// flags reads the flags of a mode, which takes nothing else.
func flags(name string, args []string, declare func(*flag.FlagSet)) error {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the error says it
	declare(set)
	if err := set.Parse(args); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if set.NArg() > 0 {
		return errors.New(name + " takes flags only")
	}
	return nil
}
