package serve

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

const serveMigrateLong = `Copy all that a server keeps from a data directory to a PostgreSQL database, or back:
accounts with their passwords, tokens and API keys, chunks, journals with their
numbers, idempotency keys, invitations and the signing key. Clients notice nothing.

Then everything is read back and compared. What is there is not copied again: after
an interruption the same command goes on. A target that holds anything else, or was
pushed to meanwhile, is refused (2), and nothing is written to it.

The source may be running: of each account the target then has what was there at one
moment. Stop the source before the last run, which brings what came since, and start
the target after it. Do not serve the target before: a password or key that is changed
there is lost with the next run.`

func (a *admin) newMigrate() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Copy a server from SQLite to PostgreSQL, or back",
		Long:  problem.Help(serveMigrateLong, problem.Local, problem.Unavailable, problem.Damaged, problem.Locked),
		Example: "  engram-sync serve migrate --from /srv/engram --to postgres://engram@db.example.com/engram\n" +
			"  engram-sync serve migrate --from postgres://engram@db.example.com/engram --to /srv/engram-new",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if a.place.data != "" || a.place.database != "" {
				return terminal.Usagef("migrate takes --from and --to instead of --data and --database")
			}
			if from == "" || to == "" {
				return terminal.Usagef("--from and --to say where the server is and where it is to be: give both")
			}
			if from == to {
				return terminal.Usagef("--from and --to are one: a server is copied to another place")
			}
			source, target := &admin{term: a.term, ws: a.ws, place: placeOf("--from", from)}, placeOf("--to", to)
			opts, err := target.options()
			if err != nil {
				return err
			}
			srv, err := source.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, srv.Close()) }()
			return a.migrate(cmd.Context(), srv, opts, target)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "copy what is kept in a directory, or in the PostgreSQL database at a URL (`DIR|URL`)")
	cmd.Flags().StringVar(&to, "to", "", "copy it to a directory, or to the PostgreSQL database at a URL (`DIR|URL`)")
	return cmd
}

func (a *admin) migrate(ctx context.Context, srv *server.Server, to server.Options, target *place) error {
	accounts := []server.Migrated{}
	if err := srv.Migrate(ctx, to, func(m server.Migrated) { accounts = append(accounts, m) }); err != nil {
		return err
	}
	doc := terminal.Fields{"to": target.String(), "accounts": accounts, "verified": true}
	return a.term.Result(doc, func(w io.Writer) error {
		copied := false
		for _, m := range accounts {
			copied = copied || m.Copied || m.NewChunks > 0 || m.NewRows > 0
			fmt.Fprintf(w, "%s: %s (%s, %d copied), %s (%d copied), %s\n", terminal.Visible(m.Username),
				terminal.Count(m.Chunks, "chunk"), terminal.Size(m.Bytes), m.NewChunks, terminal.Count(m.Rows, "mutation"), m.NewRows,
				terminal.Count(m.Batches, "idempotency key"))
		}
		what := "copied and verified"
		if !copied {
			what = "nothing to copy; verified"
		}
		_, err := fmt.Fprintf(w, "%s %s in %s\n", what, terminal.Count(len(accounts), "account"), terminal.Visible(target.String()))
		return err
	})
}
