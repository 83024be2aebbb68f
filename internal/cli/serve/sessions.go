package serve

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

const userSessionsLong = `List where an account is signed in: each sign-in whose tokens are still good (a week
for clients, 12 hours for browsers), and its API key. CLIENT is what the client says
that it is. LAST SEEN is noted at most once an hour.

Somebody who signs out only throws tokens away, which the server does not hear of: the
session is listed until it ends. "serve user sign-out" ends all of them. After a
restore or serve migrate a session is listed again once it is used.`

func (a *admin) newUserSessions() *cobra.Command {
	return &cobra.Command{
		Use:     "sessions NAME",
		Short:   "List where an account is signed in",
		Long:    problem.Help(userSessionsLong, problem.Local),
		Example: "  engram-sync serve user sessions ana --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			sessions, err := srv.Sessions(ctx, words[0])
			if err != nil {
				return err
			}
			return a.printSessions(sessions)
		}),
	}
}

func (a *admin) printSessions(sessions []server.Session) error {
	moment := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.UTC().Format(time.RFC3339)
	}
	return a.term.Table(terminal.Fields{"sessions": sessions}, "KIND\tBEGAN\tUNTIL\tLAST SEEN\tFROM\tCLIENT", func(row terminal.Row) {
		for _, s := range sessions {
			row("%s\t%s\t%s\t%s\t%s\t%s", s.Kind, moment(s.Began, "-"), moment(s.Until, "-"), moment(s.LastSeen, "-"),
				cmp.Or(terminal.Visible(s.LastSeenFrom), "-"), cmp.Or(terminal.Visible(s.Client), "-"))
		}
	})
}
