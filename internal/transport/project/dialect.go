// Package project is how project servers are spoken to: chunks in canonical form,
// filed under one project. Only package transport, which picks a dialect, may use
// it; package account is its counterpart, file for file.
package project

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// Codes with which project servers refuse. Source: project-server.md 1.
const (
	// CodeForbidden: the server does not know the project, or the token has no
	// grant for it (project-server.md 12).
	CodeForbidden = "policy_forbidden"
	// CodePaused: an operator has paused the project.
	CodePaused = "sync-paused"
	// CodeChunkConflict: the id is taken by other content.
	CodeChunkConflict = "upgrade_repairable_chunk_conflict"
)

// ErrNoProject: a project server, and nobody said which project.
var ErrNoProject = errors.New("this is a project server, and no project is known")

// Options are what a dialect needs to know.
type Options struct {
	Client        *httplayer.Client
	MaxChunkBytes int64
	// Project is the project that requests are about, normalised. Where it is "",
	// NoProject may say why.
	Project   string
	NoProject error
	// Stranger hears that a server answered as one of the other kind does.
	Stranger func()
	// Sure says whether the server has shown already that it is of this kind.
	Sure func() bool
	// Gzip is what is known of compressed chunks, and LearnGzip hears more.
	Gzip      func() Gzip
	LearnGzip func(Gzip)
}

// Dialect speaks to a project server. Source: project-server.md.
type Dialect struct {
	Options
	pulling *semaphore.Weighted // memory for chunks that are held whole, in bytes
	pushing *semaphore.Weighted // likewise
	spares  chan []byte         // buffers of envelopes that are gone
	limit   atomic.Int64        // of a push in bytes, compressed or not; 0 until the server told
}

func New(opts Options) *Dialect {
	return &Dialect{
		Options: opts, pulling: semaphore.NewWeighted(pulled(maxProjectChunk)), pushing: semaphore.NewWeighted(maxPushed), spares: make(chan []byte, maxSpare),
	}
}

func (*Dialect) Name() string     { return "project" }
func (*Dialect) PerProject() bool { return true }

// project is the project that requests are about.
func (d *Dialect) project() (string, error) {
	switch {
	case d.Project != "":
		return d.Project, nil
	case d.NoProject != nil:
		return "", fmt.Errorf("%w (%s): %w", ErrNoProject, d.Client.URL(), d.NoProject)
	}
	return "", fmt.Errorf("%w: %s", ErrNoProject, d.Client.URL())
}

// explain completes a refusal, which does not name the project, and tells a wrong
// URL from a missing chunk.
func (d *Dialect) explain(err error) error {
	status, ok := errors.AsType[*httplayer.StatusError](err)
	switch {
	case !ok:
	case status.Code == CodeForbidden:
		nameProjects(status, "project %q", d.Project)
	case status.Status == http.StatusNotFound && status.Message == protocol.NoRoute:
		status.Class = httplayer.ErrNotEngram
	}
	return err
}

// nameProjects adds the projects to a refusal that names none: releases before 2.0
// don't. The server may spell them in another case. Source: engram-2.md 4.2.
func nameProjects(status *httplayer.StatusError, format string, projects any) {
	if !status.NobodyAsks() && !strings.Contains(status.Message, `"`) {
		status.Message += fmt.Sprintf(" ("+format+")", projects)
	}
}
