package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Limits on a token command.
const (
	commandWait   = 30 * time.Second
	maxTokenBytes = 64 << 10
)

// ErrCommand is wrapped by errors about the token command.
var ErrCommand = errors.New("token_command failed")

// runCommand runs a program that prints a token, without a shell. The secrets of
// our own environment are not passed on to it.
func runCommand(ctx context.Context, command []string, environ []string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandWait, fmt.Errorf("no answer within %s", commandWait))
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = withoutSecrets(environ)
	cmd.WaitDelay = time.Second // for children that keep its output open
	var stdout, stderr limited
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		err = nil // it ended well, and left something running in the background
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("%w: %s: %w%s", ErrCommand, command[0], err, stderr.firstLine())
	}
	if stdout.cut {
		return "", fmt.Errorf("%w: %s printed more than %d bytes, so it is no token", ErrCommand, command[0], maxTokenBytes)
	}
	token := strings.TrimSpace(stdout.text.String())
	if token == "" {
		return "", fmt.Errorf("%w: %s printed nothing%s", ErrCommand, command[0], stderr.firstLine())
	}
	return token, nil
}

// withoutSecrets is an environment without the tokens that are in ours. It is
// never nil, which os/exec would take for all of our own.
func withoutSecrets(environ []string) []string {
	kept := make([]string, 0, len(environ))
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		secret := func(s string) bool { return strings.EqualFold(s, name) } // on Windows they are the same
		if !slices.ContainsFunc([]string{TokenVariable, EngramCloudVariable, EngramLegacyVariable}, secret) {
			kept = append(kept, pair)
		}
	}
	return kept
}

// limited keeps the beginning of what a program prints, and knows if it is not
// all. The buffer is no part of its face: io.Copy would use its ReadFrom, which
// has no limit.
type limited struct {
	text bytes.Buffer
	cut  bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := maxTokenBytes - l.text.Len()
	l.cut = l.cut || len(p) > room
	_, _ = l.text.Write(p[:min(len(p), room)]) // it never fails
	return len(p), nil
}

// firstLine is what a failed program said, as the end of an error.
func (l *limited) firstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(l.text.String()), "\n")
	line = strings.TrimSpace(line)
	if line == "" {
		return ""
	}
	return fmt.Sprintf(" (it said %.200q)", line)
}
