package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Server is a server that runs as a process.
type Server struct {
	URL     string // where it listens itself
	process *process
	ended   chan struct{}
	usage   Usage
	err     error
}

var listening = regexp.MustCompile(`on (https?://\S+)`)

// startAtMost is how long whoever is started may make ready what it needs: a hostile client stores 150,000 chunks first.
const startAtMost = 5 * time.Minute

// Start starts a server, and gives it back when it listens.
func (s *Stage) Start(ctx context.Context, c Command) (*Server, error) {
	if c.Home == "" {
		c.Home = s.Temp("home")
	}
	p, err := s.start(ctx, c)
	if err != nil {
		return nil, err
	}
	v := &Server{process: p, ended: make(chan struct{})}
	ready := p.stderr.await(listening)
	go func() {
		v.usage, v.err = p.wait()
		close(v.ended)
	}()
	late := time.NewTimer(startAtMost)
	defer late.Stop()
	select {
	case match := <-ready:
		v.URL = match[1]
		return v, nil
	case <-v.ended:
		return nil, errors.Join(errEnded, v.err, errors.New(p.stderr.String()))
	case <-late.C:
		_, _ = v.Stop()
		return nil, fmt.Errorf("a server does not say in %s where it listens", startAtMost)
	}
}

// Stop lets the server end, and gives what it took in its whole life.
func (v *Server) Stop() (Usage, error) {
	_ = v.process.control.Close() // it is closed already where the server has ended by itself
	<-v.ended
	if v.err == nil && v.usage.Exit != 0 {
		v.err = fmt.Errorf("a server: exit code %d: %s", v.usage.Exit, lastLines(v.usage))
	}
	return v.usage, v.err
}

// Data is the data of an account server at rest, and a key of its only account.
type Data struct{ Dir, Key string }

// Serve starts an account server on data.
func (s *Stage) Serve(ctx context.Context, p Program, data string, flags ...string) (*Server, error) {
	run := append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data}, flags...)
	return s.Start(ctx, Command{Program: p, Run: run})
}

// Empty is a copy of the data of a server that has an account, and nothing in it. Whoever takes it
// removes it.
func (s *Stage) Empty(ctx context.Context, p Program) (Data, error) {
	template, ok := s.templates[p.Path]
	if !ok {
		template = Data{Dir: s.Temp("template")}
		server, err := s.Serve(ctx, p, template.Dir)
		if err != nil {
			return Data{}, err
		}
		key, err := MakeAccount(ctx, server.URL, "bench")
		if _, stopped := server.Stop(); err == nil {
			err = stopped
		}
		if err != nil {
			return Data{}, err
		}
		template.Key = key
		s.templates[p.Path] = template
	}
	to := s.Temp("data")
	return Data{Dir: to, Key: template.Key}, CopyDir(to, template.Dir)
}

// CopyDir copies a directory with plain files and directories.
func CopyDir(to, from string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
