package mutations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// account is who a connection acts as, for what is remembered between runs.
type account struct {
	id      string // the server's user id; "" while nobody knows it
	token   string // a name for the token, by its hash; "" if there is none
	project string // of a project server, which has no accounts
}

// name is what the account's journal is kept under. A project server's is kept
// for each project, so that one that is read for the first time is read from its
// beginning: the journal is one for all projects (project-server.md 10, T12).
func (acc account) name() string {
	switch {
	case acc.project != "":
		return "project " + acc.project
	case acc.id == "":
		return acc.token
	}
	return "user " + acc.id
}

// known says whether nothing more can be found out.
func (acc account) known() bool { return acc.id != "" || acc.project != "" }

// findAccount finds out who a connection acts as: by the login, or the user_id in
// an access token, or, as an API key says nothing, by whose rows the journal
// has (account-server.md 4.3), which costs one request. On a project server it is
// the project. Which kind the server is has to be known before anything is
// pushed: see transport.FindKind.
func findAccount(ctx context.Context, ws *workspace.Workspace, conn *workspace.Connection) (account, error) {
	if err := conn.FindKind(ctx); err != nil {
		return account{}, err
	}
	if conn.PerProject() {
		project, err := ws.ServerProject()
		return account{project: project.Name}, err
	}
	if login := conn.Source.Login(); login != nil && login.UserID != "" {
		return account{id: login.UserID}, nil
	}
	token, err := conn.Source.Token(ctx)
	if err != nil {
		return account{}, err
	}
	if _, id := auth.OwnerOf(token); id != "" {
		return account{id: id}, nil
	}
	acc := account{token: "token"}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		acc.token += " " + hex.EncodeToString(sum[:8])
	}
	page, err := conn.PullMutations(ctx, 0, 1)
	if err == nil && len(page.Mutations) > 0 {
		acc.id = page.Mutations[0].UserID
	}
	return acc, err
}

// openJournal gives the place for what is remembered of an account's journal, and
// makes this run the only one that uses it. What was put down while only the
// token was known moves there.
func openJournal(ctx context.Context, ws *workspace.Workspace, conn *workspace.Connection, acc account) (j *state.AccountState, unlock func(), err error) {
	if j, err = state.OpenAccount(ws.State(), conn.Label, acc.name()); err != nil {
		return nil, nil, err
	}
	release, err := j.Lock(ctx, ws.Config.LockWait)
	if err != nil {
		return nil, nil, err
	}
	unlock = func() {
		if err := release(); err != nil {
			ws.Log.Warn("unlock the journal", "error", err)
		}
	}
	if acc.id != "" && acc.token != "" {
		if err := j.MigrateFrom(ctx, ws.Config.LockWait, acc.token); err != nil {
			unlock()
			return nil, nil, err
		}
	}
	return j, unlock, nil
}

// claim moves what was put down under the token alone to the account, as soon
// as its first row says who that is. What it cannot do, the next run does.
func claim(ctx context.Context, ws *workspace.Workspace, conn *workspace.Connection) {
	acc, err := findAccount(ctx, ws, conn)
	if err == nil && acc.id != "" {
		var unlock func()
		if _, unlock, err = openJournal(ctx, ws, conn, acc); err == nil {
			unlock()
		}
	}
	if err != nil {
		ws.Log.Debug("find out whose journal it is", "error", err)
	}
}
