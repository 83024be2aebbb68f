package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/nearest"
	"github.com/engram-sync/engram-sync/internal/secret"
)

const (
	embedded      = "embedded"
	maxNameLen    = 64
	nameAlphabet  = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	tokenVariable = envPrefix + "TOKEN"
	// tokenFileVariable names a file that holds the token. It is no setting: a token belongs to one remote.
	tokenFileVariable = tokenVariable + "_FILE"
)

// ref is how a user would ask for this remote.
func (r Remote) ref() string {
	if r.Name != "" {
		return r.Name
	}
	return r.URL
}

// checkName allows lower case only: Viper folds the case of keys, and two
// remotes must never become one.
func checkName(name string) error {
	if name == embedded {
		return errors.New(`"embedded" cannot be a remote's name: it means the built-in server`)
	}
	if name == "" || len(name) > maxNameLen || strings.ContainsAny(name[:1], "._-") ||
		strings.ContainsFunc(name, notInName) {
		return fmt.Errorf("a remote's name is 1 to %d of a-z, 0-9, '.', '_' and '-', "+
			"beginning with a letter or digit", maxNameLen)
	}
	return nil
}

func notInName(r rune) bool { return !strings.ContainsRune(nameAlphabet, r) }

// parseRemoteURL takes a URL or an embedded vault. Its errors never repeat the
// text, in which a password may stand.
func parseRemoteURL(text string) (any, error) {
	if _, err := parseText(text); err != nil {
		return nil, err
	}
	if text == embedded+":" {
		return nil, errors.New("names no directory: write embedded:DIR")
	}
	if isEmbedded(text) {
		return text, nil
	}
	return text, checkURL(text)
}

// Embedded says whether the remote is a server in this process, and where its
// data is; "" for the usual place.
func (r Remote) Embedded() (dir string, ok bool) {
	if r.URL == embedded {
		return "", true
	}
	return strings.CutPrefix(r.URL, embedded+":")
}

func isEmbedded(text string) bool {
	_, ok := Remote{URL: text}.Embedded()
	return ok
}

func checkURL(text string) error {
	secret.AddURL(text)
	u, err := url.Parse(text)
	if err != nil && strings.Contains(text, "://") {
		return errors.New("is not a valid URL")
	}
	meant := meantURL(text)
	switch {
	case meant != "":
		return fmt.Errorf("%q is not a URL that begins with http:// or https://: write %s", text, meant)
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is not a URL that begins with http:// or https://")
	case u.User != nil:
		return errors.New("a URL must hold no user or password; pass a token in " + tokenVariable)
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	case strings.ContainsAny(text, "?#"):
		return errors.New("the URL of a server has no query and no fragment")
	}
	if !strings.HasSuffix(u.Host, ":") && u.Port() == "" {
		return nil
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return errors.New("the port of the URL is not between 1 and 65535")
	}
	return nil
}

// meantURL is the URL of a server that was given as HOST:PORT, or "". Other texts may be secrets in the wrong place, which
// nobody repeats.
func meantURL(text string) string {
	host, port, err := net.SplitHostPort(text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return ""
	}
	scheme := "https://"
	switch ip, err := netip.ParseAddr(host); {
	case host == "localhost", err == nil && ip.IsLoopback():
		scheme = "http://"
	case err != nil && (host == "" || strings.ContainsFunc(host, notInName)):
		return ""
	}
	return scheme + text
}

// choose finds the remote that text asks for. Named remotes keep their own
// project; the others have none yet.
func choose(remotes map[string]Remote, text string, from origin) (Remote, error) {
	if from.rank == fromEngramEnv {
		return Remote{URL: text, FromEngramEnv: true}, from.wrap(remoteKey, checkURL(text))
	}
	if named, ok := remotes[text]; ok {
		return named, nil
	}
	if strings.Contains(text, "://") || isEmbedded(text) {
		_, err := parseRemoteURL(text)
		return Remote{URL: text}, from.wrap(remoteKey, err)
	}
	return Remote{Name: text}, from.wrap(remoteKey, unknownRemote(remotes, text))
}

// isPath says whether a text is meant as a directory: from where one is, from the
// root, or from a drive of Windows.
func isPath(text string) bool {
	drive := len(text) > 2 && text[1] == ':' && strings.ContainsAny(text[2:3], `/\`)
	return drive || strings.ContainsAny(text[:min(1, len(text))], `/\~`) || strings.HasPrefix(text, "./") ||
		strings.HasPrefix(text, "../") || strings.HasPrefix(text, `.\`) || strings.HasPrefix(text, `..\`)
}

func unknownRemote(remotes map[string]Remote, text string) error {
	names := slices.Sorted(maps.Keys(remotes))
	known := "you have none yet"
	if near := nearest.Of(text, names); len(near) > 0 {
		known = "did you mean " + strings.Join(near, " or ") + "? known are " + strings.Join(names, ", ")
	} else if len(names) > 0 {
		known = "known are " + strings.Join(names, ", ")
	}
	if isPath(text) {
		return fmt.Errorf("what was given is neither a remote's name nor a URL with http:// or https://; for the server in a directory write embedded:DIR; of names, %s", known)
	}
	if meantURL(text) != "" {
		return checkURL(text)
	}
	if checkName(text) != nil {
		// Whatever this is, it may be a secret in the wrong place.
		return fmt.Errorf("what was given is neither a remote's name nor a URL with http:// or https://; of names, %s", known)
	}
	return fmt.Errorf("no remote is called %q; %s; run `engram-sync config set remotes.%s.url URL` to add it",
		text, known, text)
}
