//go:build unix

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsStaySecret plants a password, an access token, a refresh token and
// an API key, runs every command in every way of talking, through success and
// failure, and looks for them in each byte of output and in each file that
// is not the credential file.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const password = "pl4nted correct horse"
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 2, 1000)
	s := newWatchedServer(t)
	u := newUser(t, s.url, "")
	u.env = append(u.env, "ENGRAM_SYNC_CREDENTIAL_STORE=file")
	store := credentialPath(u.getenv("XDG_STATE_HOME"))
	p := &planted{user: u, secrets: map[string]string{"the password": password}}

	p.say(0, password, "auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin", "-v")
	p.plant(store)
	key, _ := u.run(0, "auth", "api-key", "create", "-v") // which prints it on purpose
	p.secrets["the API key"] = strings.TrimSpace(key)
	p.everyCommand(source)

	for _, voice := range [][]string{{"-v"}, {"-v", "--json"}} {
		p.failures(source, voice)
		p.say(0, password, append([]string{"login", "--identifier", "ana", "--password-stdin"}, voice...)...)
		p.plant(store)
		p.run(0, append([]string{"auth", "refresh"}, voice...)...)
		p.plant(store)
		p.say(4, password+"!", append([]string{"login", "--identifier", "ana", "--password-stdin"}, voice...)...)
		p.say(0, p.secrets["the API key"], append([]string{"login", "--identifier", "ana", "--token-stdin"}, voice...)...)
	}
	p.run(0, "auth", "api-key", "create", "--store", "-v")
	p.plant(store)
	p.run(0, "auth", "api-key", "revoke", "-v")
	p.run(4, "auth", "status", "-v")
	p.run(0, "logout", "-v")
	p.filesOf(u.getenv("HOME"), store)
	p.filesOf(u.where, "")
}

// planted is a user whose secrets are looked for in everything.
type planted struct {
	*user
	secrets map[string]string // by what to call them
}

// plant adds the tokens that are stored now.
func (p *planted) plant(store string) {
	p.t.Helper()
	stored, err := readCredentials(store)
	if err != nil || len(stored.Accounts) != 1 {
		p.t.Fatalf("%d accounts, %v", len(stored.Accounts), err)
	}
	access := stored.Accounts[0]["access_token"]
	p.secrets[fmt.Sprintf("access token %d", len(p.secrets))] = access
	if refresh := stored.Accounts[0]["refresh_token"]; refresh != "" {
		p.secrets["the refresh token"] = refresh
	}
}

// everyCommand runs what talks to a server, and what talks about settings.
func (p *planted) everyCommand(source string) {
	p.t.Helper()
	for _, words := range [][]string{
		{"auth", "status"}, {"push", "--dir", source}, {"status", "--dir", source}, {"manifest"},
		{"pull", "--dir", filepath.Join(p.where, ".engram")}, {"sync", "--dir", source},
		{"verify", "--dir", source, "--remote", p.getenv("ENGRAM_SYNC_REMOTE")},
		{"config", "list"}, {"auth", "refresh", "--json"}, {"sync", "--dir", source, "--log-format", "json"},
		{"doctor", "--dir", source}, {"doctor", "--dir", source, "--json"}, {"doctor", "--dir", source, "--bundle", filepath.Join(p.where, "report")},
	} {
		p.run(0, append(words, "-v")...)
	}
}

// failures sends the planted secrets where they do no good.
func (p *planted) failures(source string, voice []string) {
	p.t.Helper()
	with := func(words ...string) []string { return append(words, voice...) }
	p.run(5, with("push", "--dir", source, "--remote", "http://127.0.0.1:1", "--retries", "0")...)
	p.run(2, with("auth", "status", "--remote", "http://engram.invalid", "--bogus")...)
	for name, secret := range p.secrets {
		if name != "the password" && name != "the refresh token" {
			continue // what is let in is no failure
		}
		env := p.env
		p.env = append(env[:len(env):len(env)], "ENGRAM_SYNC_TOKEN="+secret)
		p.run(4, with("push", "--dir", source)...)
		p.run(4, with("auth", "refresh")...)
		p.run(4, with("doctor", "--dir", source)...)
		p.run(2, with("push", "--dir", source, "--remote", "http://engram.invalid")...)
		p.env = env
		p.say(4, secret, with("login", "--token-stdin")...)
	}
}

// run is user.run, and looks at what was said.
func (p *planted) run(code int, args ...string) {
	p.t.Helper()
	out, errs := p.user.run(code, args...)
	p.look("stdout of "+strings.Join(args, " "), out)
	p.look("stderr of "+strings.Join(args, " "), errs)
}

// say is run with something on stdin.
func (p *planted) say(code int, stdin string, args ...string) {
	p.t.Helper()
	out, errs := p.tell(code, stdin, args...)
	p.look("stdout of "+strings.Join(args, " "), out)
	p.look("stderr of "+strings.Join(args, " "), errs)
}

func (p *planted) look(where, text string) {
	p.t.Helper()
	for name, secret := range p.secrets {
		if strings.Contains(text, secret) {
			p.t.Errorf("%s holds %s", where, name)
		}
		// the half of a token that makes it a secret is its end
		if len(secret) > 60 && strings.Contains(text, secret[len(secret)-30:]) {
			p.t.Errorf("%s holds the end of %s", where, name)
		}
	}
}

// filesOf looks at all files below a directory but one.
func (p *planted) filesOf(dir, except string) {
	p.t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == except || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		p.look(path, string(text))
		seen++
		return err
	})
	if err != nil || seen == 0 {
		p.t.Errorf("%d files seen in %s: %v", seen, dir, err)
	}
}
