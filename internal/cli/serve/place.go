package serve

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// place is where a server keeps its data: in a directory, or in a database that
// it shares with others.
type place struct {
	data, database string
	flag           string // that says both, "" for one of each
}

// placeOf reads what one flag says: a directory, or the URL of a database.
func placeOf(flag, text string) *place {
	if strings.Contains(text, "://") {
		return &place{database: text, flag: flag}
	}
	return &place{data: text, flag: flag}
}

func (p *place) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&p.data, "data", "", "keep the data in `DIR` (default: engram-sync/server in your data directory)")
	flags.StringVar(&p.database, "database", "", "keep the data in the PostgreSQL database at `URL`, which other processes may use too")
}

func (p *place) dir() string {
	if p.data == "" {
		return filepath.Join(xdg.DataHome, "engram-sync", "server")
	}
	return p.data
}

// String is what people get to see of it.
func (p *place) String() string {
	if p.database == "" {
		return p.dir()
	}
	u, err := url.Parse(p.database)
	if err != nil {
		return "a database"
	}
	return u.Redacted()
}

// options gives those of a server that say where its data is.
func (p *place) options() (server.Options, error) {
	if p.database == "" {
		return server.Options{Dir: p.dir()}, nil
	}
	if p.data != "" {
		return server.Options{}, terminal.Usagef("--data and --database exclude each other: give one")
	}
	flag := cmp.Or(p.flag, "--database")
	u, err := url.Parse(p.database)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return server.Options{}, terminal.Usagef("%s takes a URL such as postgres://engram@db.example.com/engram", flag)
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return server.Options{}, terminal.Usagef("%s has a password, which everybody on this machine could read: leave it out, and put it into ~/.pgpass, or PGPASSFILE or PGPASSWORD", flag)
	}
	return server.Options{Database: p.database, Dir: filepath.Join(xdg.CacheHome, "engram-sync", "serve")}, nil
}

// open opens the server, which must be there: a directory without one is most
// likely mistyped, and is not made into one; nor is an empty database.
func (a *admin) open(ctx context.Context) (*server.Server, error) {
	opts, err := a.place.options()
	if err != nil {
		return nil, err
	}
	if opts.Database != "" {
		err = server.DatabaseExists(ctx, opts.Database)
	} else {
		err = server.Exists(opts.Dir)
	}
	switch {
	case err != nil && opts.Database == "":
		return nil, terminal.Usagef("no server keeps its data in %s: name its directory with %s, or start `engram-sync serve` there once (%w)", opts.Dir, cmp.Or(a.place.flag, "--data"), err)
	case errors.Is(err, server.ErrEmpty):
		return nil, terminal.Usagef("no server keeps its data in %s: name its database with %s, or start `engram-sync serve` on it once (%w)", a.place, cmp.Or(a.place.flag, "--database"), err)
	case err != nil:
		return nil, err
	}
	opts.Logger = a.ws.Log
	return server.Open(ctx, opts)
}
