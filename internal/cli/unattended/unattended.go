// Package unattended is what runs that nobody watches need, whatever they do: an end to their time, somebody who is told
// how they went, and a memory of when one last went well. Only the root of the commands calls it.
package unattended

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/heartbeat"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// commands are those that may run unattended, and what each has done with the remote when it has succeeded, in
// the words of state.LastSuccess.
var commands = map[string][]string{
	"push": {"push"}, "pull": {"pull"}, "sync": {"pull", "push"}, "export": nil, "verify": nil,
	"mutations push": {"mutations push"}, "mutations pull": {"mutations pull"}, "serve backup": nil,
}

// May lets the commands below root run unattended that can.
func May(root *cobra.Command, term *terminal.Terminal, ws *workspace.Workspace) {
	for name := range commands {
		cmd, _, err := root.Find(strings.Fields(name))
		if err != nil || !cmd.Runnable() {
			panic("there is no command " + name)
		}
		may(term, ws, cmd, commands[name])
	}
}

// may gives one command its flags, which are settings, and puts a frame around its run.
func may(term *terminal.Terminal, ws *workspace.Workspace, cmd *cobra.Command, does []string) {
	cmd.Flags().Duration("max-duration", 0, "end the run after `DURATION`, as Ctrl-C would, with exit code 5 (default: no limit)")
	cmd.Flags().String("heartbeat-url", "", "tell a monitor at `URL` of the run: URL/start, then URL or URL/EXIT-CODE")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		ctx, cancel := terminal.Within(cmd.Context(), ws.Config.MaxDuration)
		defer cancel()
		cmd.SetContext(ctx)
		term.Until(ctx)
		if isDryRun(cmd) { // which is no run of the kind that somebody waits for
			return problem.Ended(ctx, run(cmd, words))
		}
		ended := begin(ctx, term, ws)
		err := problem.Ended(ctx, run(cmd, words))
		if err == nil {
			err = term.Stdout.Err()
		}
		if err == nil && all(cmd, words) {
			remember(ws, does)
		}
		ended(problem.Code(err))
		return err
	}
}

func isDryRun(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup("dry-run")
	return f != nil && f.Value.String() == "true"
}

// begin tells the monitor, if there is one, while the run goes on. ended tells it the rest; what it does not hear
// changes nothing about the run.
func begin(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) (ended func(code int)) {
	if ws.Config.HeartbeatURL == "" {
		return func(int) {}
	}
	monitor, err := monitorOf(ws)
	if err != nil {
		return func(int) { warn(term, err) }
	}
	started := make(chan struct{})
	go func() {
		defer panics.Guard()
		defer close(started)
		if err := monitor.Started(ctx); err != nil && ctx.Err() == nil {
			ws.Log.Info("tell the monitor that the run has begun", "error", err)
		}
	}()
	return func(code int) {
		<-started // so that the monitor hears of the end last
		if err := monitor.Ended(ctx, code); err != nil {
			warn(term, err)
		}
	}
}

func monitorOf(ws *workspace.Workspace) (heartbeat.Monitor, error) {
	to, err := url.Parse(ws.Config.HeartbeatURL)
	if err != nil {
		return heartbeat.Monitor{}, err
	}
	network, err := ws.Elsewhere(to)
	return heartbeat.Monitor{URL: ws.Config.HeartbeatURL, Base: network, UserAgent: ws.UserAgent()}, err
}

func warn(term *terminal.Terminal, err error) {
	term.Warn(err.Error() + "; check heartbeat_url, and whether the monitor runs: the run itself went as it says")
}
