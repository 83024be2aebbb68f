// Package doctor is the command that explains what is wrong with a setup, and how to fix it.
// Only the root of the commands calls it.
package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const long = `Look at everything that a sync depends on, and say of each part whether it is
right and which command mends it: the configuration and where each value comes
from, the way to the server (proxy, DNS, connection, TLS, clock), the server and
the token, the keyring, tokens that lie around in plain text, the chunk
directory and what a teammate's import would make of it, git, the project,
engram.db, and memories that are not exported yet.

Nothing is changed, nothing is asked, and it ends within about ten seconds: what
takes longer is skipped, and says so.

--bundle FILE writes the same as a text to attach to a question. It holds no
token and no text of a memory; paths begin with ~ for your home directory, and
the names of hosts are taken out. Read it before you send it.

It ends with 0 if nothing failed (warnings are no failures), or with the code of
the worst failure: 7, 2, 4, 6, 1, 3 or 5, in this order.`

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var bundle string
	e := &exam{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Explain what is wrong with this setup, and how to fix it",
		Long:    problem.Help(long, problem.Remote, problem.Partial),
		Example: "  engram-sync doctor\n  engram-sync doctor --bundle report.txt",
		// In place of the root's: a configuration that cannot be read is a finding.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			e.wrong, err = ws.LoadAnyway(cmd.Flags())
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd.Context(), bundle) },
	}
	cmd.Flags().StringVar(&bundle, "bundle", "", "write a report without secrets to `FILE`, which must not exist yet")
	return cmd
}

// exam is one run.
type exam struct {
	term  *terminal.Terminal
	ws    *workspace.Workspace
	wrong *config.Error // why the configuration cannot be used; nil if it can

	mu          sync.Mutex // the parts run at the same time
	generations surroundings.Generations
	hosts       []string // addresses that were seen
}

// Bounds of the time that a run may take.
const (
	budget    = 8 * time.Second
	stepWait  = 3 * time.Second // of one step on the way to the server, and of one request
	tokenWait = 5 * time.Second // of a keyring, and of a token_command
)

// errSlow is the cause of whatever is ended because time is up.
var errSlow = fmt.Errorf("not looked at: it took more than %s", budget)

// part is checks that follow from each other, in the order of the output.
type part struct {
	checks []string
	look   func(*exam, context.Context, *findings)
}

// parts run at the same time: one that hangs must not hide the others.
var parts = []part{
	{[]string{"version", "configuration", "setting", "permissions", "space"}, (*exam).machine},
	{serverChecks, (*exam).server},
	{[]string{"plaintext", "database", "memories"}, (*exam).engram},
	{directoryChecks, (*exam).directory},
}

func (e *exam) run(ctx context.Context, bundle string) error {
	e.ws.OnlyLook()
	if bundle == "-" {
		return terminal.Usagef("--bundle writes the report into a new file, and none is named -: without it the findings go to stdout")
	}
	if _, err := os.Lstat(bundle); err == nil { // before all the work
		return errExists(bundle)
	}
	e.ws.Config.Retries, e.ws.Config.Timeout = 0, min(e.ws.Config.Timeout, stepWait)
	found := e.examine(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if bundle != "" {
		if err := e.writeBundle(bundle, found); err != nil {
			return err
		}
	}
	return e.show(found)
}

// examine runs all parts, and gives what they found in the order of the checks.
func (e *exam) examine(parent context.Context) []finding {
	ctx, cancel := context.WithTimeoutCause(parent, budget, errSlow)
	defer cancel()
	found := make([][]finding, len(parts))
	var group sync.WaitGroup
	for i, p := range parts {
		group.Go(func() {
			defer panics.Guard()
			found[i] = e.examinePart(ctx, p)
		})
	}
	group.Wait()
	return slices.Concat(found...)
}

// examinePart waits no longer than the context allows, also for what does not listen to it.
func (e *exam) examinePart(ctx context.Context, p part) []finding {
	f := &findings{}
	_, err := cancellable.Do(ctx, func() (none struct{}, err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("internal error: %v", r)
			}
		}()
		p.look(e, ctx, f)
		return none, nil
	})
	var out []finding
	have := f.have()
	for _, check := range p.checks {
		n := len(out)
		for _, one := range have {
			if one.Check == check {
				out = append(out, one)
			}
		}
		if len(out) == n && err != nil {
			end := &findings{}
			end.fail(check, "", err)
			out = append(out, end.have()...)
		}
	}
	return out
}

// document is the result in JSON mode.
type document struct {
	Schema     int                      `json:"schema"`
	Findings   []finding                `json:"findings"`
	Generation surroundings.Generations `json:"generation"`
	Summary    struct {
		OK      int `json:"ok"`
		Warn    int `json:"warn"`
		Fail    int `json:"fail"`
		Skipped int `json:"skipped"`
	} `json:"summary"`
}

func (e *exam) document(found []finding) document {
	doc := document{Schema: terminal.Schema, Findings: found}
	e.mu.Lock()
	doc.Generation = e.generations
	e.mu.Unlock()
	for i, n := range found {
		found[i].Hint = e.term.Typed(n.Hint)
		switch n.Verdict {
		case good:
			doc.Summary.OK++
		case warning:
			doc.Summary.Warn++
		case failed:
			doc.Summary.Fail++
		case skipped:
			doc.Summary.Skipped++
		}
	}
	return doc
}

// sum is the last line, for people.
func (d document) sum() string {
	return fmt.Sprintf("%s, %s, %d ok, %d skipped", terminal.Count(d.Summary.Fail, "failure"), terminal.Count(d.Summary.Warn, "warning"), d.Summary.OK, d.Summary.Skipped)
}

// show prints the findings, and gives the error that makes the exit code.
func (e *exam) show(found []finding) error {
	doc := e.document(found)
	if e.term.Quiet && !e.term.JSON {
		for _, n := range found {
			if n.Verdict == failed {
				e.term.Errorf("%s: %s", n.Check, n.text())
			}
		}
	} else if err := e.term.Table(doc, "", doc.rows); err != nil {
		return err
	}
	code := worst(found)
	if code == problem.OK {
		return nil
	}
	status := &terminal.ExitStatus{Code: code}
	if e.term.JSON {
		status.Message = terminal.Count(doc.Summary.Fail, "check") + " failed"
		status.Hint = "findings in the document on stdout has what to do about each whose verdict is fail"
	}
	return status
}

func (d document) rows(row terminal.Row) {
	for _, n := range d.Findings {
		row("%s\t%s\t%s", n.Verdict, n.Check, n.text())
	}
	row("%s", d.sum())
}

// text is the message with the hint.
func (n finding) text() string {
	if n.Hint == "" {
		return n.Message
	}
	return n.Message + "; " + n.Hint
}

// learn notes what the parts find of generations.
func (e *exam) learn(note func(*surroundings.Generations)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	note(&e.generations)
}
