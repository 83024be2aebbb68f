//go:build unix

package auth_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// fromCommand finds a token by a command that runs a shell script.
func fromCommand(t *testing.T, script string, args ...string) (auth.Source, error) {
	t.Helper()
	finder := auth.Finder{
		Environ: append(os.Environ(), "ENGRAM_TOKEN=hunter2", "ENGRAM_CLOUD_TOKEN=hunter2", "ENGRAM_SYNC_TOKEN= "),
		Command: append([]string{"sh", "-c", script, "sh"}, args...), BaseURL: server,
		Logins: auth.NewLogins(t.TempDir(), newBackend().keyring()),
	}
	return finder.Find(t.Context())
}

func wantToken(t *testing.T, source auth.Source, want string) {
	t.Helper()
	if got, err := source.Token(t.Context()); err != nil || got != want || source.From() != "token_command" {
		t.Errorf("got %q from %q, %v; want %q", got, source.From(), err, want)
	}
}

func TestATokenCommand(t *testing.T) {
	for script, want := range map[string]string{
		`echo token`:                                 "token",
		`printf '\n token\r\n'`:                      "token",
		`echo token; echo noise >&2`:                 "token",
		`echo token; sleep 30 &`:                     "token", // an agent that stays behind
		`env | grep -c hunter2 || true`:              "0",
		`env | grep -c ^PATH=`:                       "1",
		`cat; echo "$#"`:                             "0", // its stdin is empty
		`head -c 65536 /dev/zero | tr '\000' a`:      strings.Repeat("a", 65536),
		`printf token; head -c 99999 /dev/zero >&2`:  "token",
		`printf token; exec 1>&-; exec 2>&-; exit 0`: "token",
	} {
		source, err := fromCommand(t, script)
		if err != nil {
			t.Errorf("%s: %v", script, err)
			continue
		}
		wantToken(t, source, want)
		if source.Login() != nil {
			t.Errorf("%s: it has a login", script)
		}
	}
}

// There is no shell: what the configuration says arrives as it is.
func TestArgumentsAreLiteral(t *testing.T) {
	args := []string{"a b", "$HOME", "`id`", "*", `"`, ";exit 1", ""}
	source, err := fromCommand(t, `printf '%s|' "$@"`, args...)
	if err != nil {
		t.Fatal(err)
	}
	wantToken(t, source, strings.Join(args, "|")+"|")
}

func TestATokenCommandThatFails(t *testing.T) {
	for script, want := range map[string]string{
		`echo hunter2; echo "vault is sealed" >&2; echo more >&2; exit 3`: `exit status 3 (it said "vault is sealed")`,
		`echo hunter2; exit 1`:                     "exit status 1",
		`printf 'red \033[31m\r\n' >&2; exit 1`:    `(it said "red \x1b[31m")`,
		`head -c 99999 /dev/zero >&2; exit 1`:      "exit status 1",
		`true`:                                     "printed nothing",
		`echo "  "; echo why >&2`:                  `printed nothing (it said "why")`,
		`head -c 65537 /dev/zero | tr '\000' h`:    "more than 65536 bytes",
		`echo hunter2; kill -9 $$`:                 "killed",
		`yes hunter2 | head -c 10000000; echo end`: "more than 65536 bytes",
	} {
		_, err := fromCommand(t, script)
		if !errors.Is(err, auth.ErrCommand) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", script, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\x1b\n\r\x00") || len(err.Error()) > 2000 {
			t.Errorf("%s: not fit to print: %q", script, err)
		}
	}
	for _, command := range []string{"no-such-program-anywhere", filepath.Join(t.TempDir(), "absent"), t.TempDir(), ""} {
		if _, err := (auth.Finder{Command: []string{command}, BaseURL: server}).Find(t.Context()); !errors.Is(err, auth.ErrCommand) {
			t.Errorf("%q: %v", command, err)
		}
	}
}

// Whoever waits for a command can be interrupted, and so is the command.
func TestATokenCommandEndsWithTheRun(t *testing.T) {
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	marker := filepath.Join(t.TempDir(), "started")
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(marker); err == nil {
				cancel(stop)
			}
			<-time.After(time.Millisecond)
		}
	}()
	finder := auth.Finder{Environ: os.Environ(), Command: []string{"sh", "-c", `: > "$0"; sleep 60; echo token`, marker}, BaseURL: server}
	began := time.Now()
	if _, err := finder.Find(ctx); !errors.Is(err, stop) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// The secrets stay away from the command also where nothing else is left.
func TestAnEnvironmentOfSecretsAlone(t *testing.T) {
	t.Setenv("ENGRAM_TOKEN", "hunter2")
	sh := "/bin/sh"
	source, err := auth.Finder{Environ: []string{"ENGRAM_TOKEN=hunter2"}, Command: []string{sh, "-c", `echo "got:$ENGRAM_TOKEN"`}, BaseURL: server}.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantToken(t, source, "got:")
}

// Environment, command, login: the first that is there counts, and one that
// fails is no reason to be somebody else.
func TestSourcesHaveAnOrder(t *testing.T) {
	logins := auth.NewLogins(t.TempDir(), newBackend().keyring())
	add(t, logins, account("ana"), auth.Credentials{Access: "login", Refresh: "r"})
	works, fails := []string{"echo", "command"}, []string{"false"}
	type found struct {
		Token, From string
		Login       bool
	}
	for name, tc := range map[string]struct {
		finder auth.Finder
		want   found
		err    error
	}{
		"environment":                {auth.Finder{Environ: []string{"ENGRAM_SYNC_TOKEN=env"}, Command: fails, BaseURL: server}, found{"env", "ENGRAM_SYNC_TOKEN", false}, nil},
		"command":                    {auth.Finder{Command: works, BaseURL: server}, found{"command", "token_command", false}, nil},
		"a command that fails":       {auth.Finder{Command: fails, BaseURL: server}, found{}, auth.ErrCommand},
		"login":                      {auth.Finder{BaseURL: server}, found{"login", "the keyring", true}, nil},
		"another server":             {auth.Finder{BaseURL: server + ":8443"}, found{}, nil},
		"a prefix of the server":     {auth.Finder{BaseURL: server + "/team"}, found{}, nil},
		"engram's, for its server":   {auth.Finder{Environ: []string{"ENGRAM_TOKEN=e"}, EngramRemote: true, Command: works, BaseURL: server}, found{"e", "ENGRAM_TOKEN", false}, nil},
		"engram's, for another":      {auth.Finder{Environ: []string{"ENGRAM_TOKEN=e"}, BaseURL: server}, found{"login", "the keyring", true}, nil},
		"an empty variable is none":  {auth.Finder{Environ: []string{"ENGRAM_SYNC_TOKEN= \n"}, BaseURL: server}, found{"login", "the keyring", true}, nil},
		"the environment of another": {auth.Finder{Environ: []string{"ENGRAM_SYNC_TOKEN=env"}, BaseURL: "https://x"}, found{"env", "ENGRAM_SYNC_TOKEN", false}, nil},
	} {
		tc.finder.Logins = logins
		source, err := tc.finder.Find(t.Context())
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", name, err)
		}
		token, err := source.Token(t.Context())
		if diff := cmp.Diff(tc.want, found{token, source.From(), source.Login() != nil}); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Where the token comes from elsewhere, or nobody is logged in, the keyring is
// not even asked.
func TestTheKeyringIsAskedOnlyIfNeeded(t *testing.T) {
	b := newBackend()
	logins := auth.NewLogins(t.TempDir(), b.keyring())
	for _, finder := range []auth.Finder{
		{BaseURL: server, Logins: logins},
		{BaseURL: server, Logins: logins, Environ: []string{"ENGRAM_SYNC_TOKEN=env"}},
		{BaseURL: server, Logins: logins, Command: []string{"echo", "command"}},
	} {
		if _, err := finder.Find(t.Context()); err != nil || len(b.ops) != 0 {
			t.Errorf("asked %q, %v", b.ops, err)
		}
	}
}
