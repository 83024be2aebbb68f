package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/engram-sync/engram-sync/internal/secret"
)

// FromCommand is where the token of a token_command comes from.
const FromCommand = "token_command"

// Finder looks for the credentials of one remote, in this order: environment,
// the file that it names, token command, the login that is current for its server. The first that is
// there counts, and is never mixed with another: a token from the environment
// is not refreshed with a login's refresh token.
type Finder struct {
	Environ []string // as os.Environ gives it
	// EngramRemote: the remote's URL came from engram's own variables, so
	// their token is meant for it.
	EngramRemote bool
	// Unmeant says why a token of our own variables is not meant for the remote; nil if it is. Its
	// Variable is filled in.
	Unmeant *UnmeantError
	Command []string // token_command; nil if there is none
	BaseURL string   // normalised
	Logins  Logins
}

// Find gives the source that counts. Having none is not an error: there are
// servers that need no token. A keyring that is needed and does not open is one, and
// so is a token in the environment that is not meant for the remote: an *UnmeantError.
func (f Finder) Find(ctx context.Context) (Source, error) {
	source := f.fromEnv()
	file := f.variable(secret.TokenFileVariable)
	if source.from == "" && file != "" {
		source.from = secret.TokenFileVariable
	}
	switch {
	case f.Unmeant != nil && (source.from == secret.TokenVariable || source.from == secret.TokenFileVariable):
		unmeant := *f.Unmeant
		unmeant.Variable = source.from
		return Source{}, &unmeant
	case source.from == secret.TokenFileVariable:
		return fromFile(ctx, file)
	case source.from != "":
		return source, nil
	}
	if len(f.Command) > 0 {
		token, err := runCommand(ctx, f.Command, f.Environ)
		if err != nil {
			return Source{}, err
		}
		return Fixed(token, FromCommand), nil
	}
	login, err := f.Logins.Current(ctx, f.BaseURL)
	if errors.Is(err, ErrNotFound) {
		return Source{}, nil
	}
	if err != nil {
		return Source{}, fmt.Errorf("read the token for %s: %w", f.BaseURL, err)
	}
	return Source{token: login.tokens.Access, from: "the " + login.store.Name(), login: login}, nil
}

// UnmeantError says that the token of one of our own variables is not sent, since it belongs to the
// remote that the user chose, and a file of a repository chose this one. Taking the next
// best token would make the user somebody else.
type UnmeantError struct{ File, Remote, Variable string }

func (e *UnmeantError) Error() string {
	return fmt.Sprintf("the token in %s is not sent to the remote %s, which %s chose: if it is meant for that one, run the same command with --remote %[2]s, or set ENGRAM_SYNC_REMOTE=%[2]s",
		e.Variable, e.Remote, e.File)
}

// Stronger names the source that counts before any login; "" if there is none.
func (f Finder) Stronger() string {
	if source := f.fromEnv(); source.from != "" {
		return source.from
	}
	if f.variable(secret.TokenFileVariable) != "" {
		return secret.TokenFileVariable
	}
	if len(f.Command) > 0 {
		return "a " + FromCommand
	}
	return ""
}

// fromEnv finds a token in the environment. Blanks around it, which a file or a
// copy often leaves there, don't count.
func (f Finder) fromEnv() Source {
	names := []string{secret.TokenVariable}
	if f.EngramRemote {
		names = append(names, secret.EngramCloudVariable, secret.EngramLegacyVariable)
	}
	for _, name := range names {
		if value := f.variable(name); value != "" {
			return Fixed(value, name)
		}
	}
	return Source{}
}

// variable gives the value of a variable, "" if there is nothing in it.
func (f Finder) variable(name string) string {
	for _, pair := range f.Environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok && strings.TrimSpace(value) != "" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Source gives the token for one remote. It is safe for concurrent use.
type Source struct {
	token string
	from  string
	login *Login
}

// Fixed is a source of a token that is used as it is, and never stored.
func Fixed(token, from string) Source {
	secret.Add(token)
	return Source{token: token, from: from}
}

// Token gives the token, or "" if there is none.
func (s Source) Token(context.Context) (string, error) { return s.token, nil }

// From says where the token came from; "" if there is none.
func (s Source) From() string { return s.from }

// Login is the login that the token belongs to; nil for other sources.
func (s Source) Login() *Login { return s.login }

// String keeps the token out of every log and error.
func (s Source) String() string { return "token from " + s.from }

func (s Source) GoString() string { return s.String() }

// Unnamed is the name of a login whose token tells of no account.
const Unnamed = "token"

// OwnerOf is who a token says that it belongs to. API keys say nothing.
func OwnerOf(token string) (name, userID string) {
	claims := struct {
		Username string `json:"username"`
		UserID   string `json:"user_id"`
		jwt.RegisteredClaims
	}{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.Username == "" {
		return Unnamed, ""
	}
	return claims.Username, claims.UserID
}

// Limits on a token command, and the latter on a token file.
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
	cmd.Env = secret.WithoutTokens(environ)
	cmd.WaitDelay = time.Second // for children that keep its output open
	var stdout, stderr limited
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	secret.Add(stdout.text.String()) // before anything is said of it
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
