// Package account is how account servers are spoken to: one user's chunks, kept
// byte for byte, and a sign-in. Only package transport, which picks a dialect, may
// use it; package project is its counterpart, file for file.
package account

import (
	"log/slog"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// Dialect speaks to an account server. Source: account-server.md.
type Dialect struct {
	Client        *httplayer.Client
	MaxChunkBytes int64
	Logger        *slog.Logger
	// Lists keeps the manifest; nil: nobody does.
	Lists protocol.Lists
	// Stranger hears that a server answered as one of the other kind does.
	Stranger func()
}

func (*Dialect) Name() string     { return "account" }
func (*Dialect) PerProject() bool { return false }
