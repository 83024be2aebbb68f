package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

const bundleHead = `A report of engram-sync doctor, made %s.

What it holds: the findings of doctor, with settings, paths, names of projects and of
remotes, and ids of chunks. What it does not hold: tokens, passwords, the text of any
memory, names of hosts (HOST) and your home directory (~). Nothing was sent anywhere.
Read it before you send it to somebody.

`

// writeBundle makes a new file with the report.
func (e *exam) writeBundle(path string, found []finding) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, bundleHead, time.Now().UTC().Format(time.RFC3339))
	doc := e.document(found)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	doc.rows(func(format string, cells ...any) { fmt.Fprintf(table, format+"\n", cells...) })
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	file, err := sharing.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errExists(path)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	_, err = file.WriteString(e.withoutPrivate(text.String()))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the report: %w", errors.Join(err, sharing.Remove(path)))
	}
	e.term.Note("the report is in %s: read it before you send it", path)
	return nil
}

func errExists(path string) error {
	return terminal.Usagef("write the report: %s: %w: name another file", path, fs.ErrExist)
}

// withoutPrivate takes out what a stranger should not see: secrets, names of hosts and the home directory.
func (e *exam) withoutPrivate(text string) string {
	text = secret.Redact(text)
	e.mu.Lock()
	hosts := slices.Clone(e.hosts)
	e.mu.Unlock()
	urls := []string{e.ws.Config.Remote.URL}
	for _, r := range e.ws.Config.Remotes {
		urls = append(urls, r.URL)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		urls = append(urls, e.ws.Getenv(name))
	}
	for _, one := range urls {
		if u, err := url.Parse(one); err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	for _, host := range hosts {
		if host != "" {
			text = strings.ReplaceAll(text, host, "HOST")
		}
	}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 {
		text = strings.ReplaceAll(text, home, "~")
	}
	return text
}
