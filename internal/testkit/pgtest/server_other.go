//go:build !linux

package pgtest

import (
	"errors"
	"testing"
)

// Server is a PostgreSQL that tests start: on Linux only.
type Server struct{ URL string }

// Start skips the test.
func Start(t testing.TB) *Server {
	t.Helper()
	missing(t, errNone)
	return nil
}

// Begin is for Linux.
func Begin() (*Server, error) { return nil, errNone }

// Stop is for Linux.
func (s *Server) Stop() {}

// Kill is for Linux.
func (s *Server) Kill() error { return errNone }

// Restart is for Linux.
func (s *Server) Restart() error { return errNone }

func (s *Server) stop() {}

var errNone = errors.New("a server is started on Linux only")

func start() (*Server, error) { return nil, errNone }
