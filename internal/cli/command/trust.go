package command

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// UseProject says which project a project server is asked about, and gets the user's
// word for it if need be.
func UseProject(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection) error {
	NoteProject(term, conn)
	return MayUseThere(ctx, term, ws, conn)
}

// MayUseThere is MayUse for the project that a project server is asked about, before
// any request names it. To account servers it does not matter.
func MayUseThere(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection) error {
	if ws.Trusts(conn.Project, conn.Label) {
		return nil
	}
	if err := conn.FindKind(ctx); err != nil || !conn.PerProject() {
		return err
	}
	return MayUse(ctx, term, ws, conn.Project, conn.Label)
}

// MayUse gets the user's word for a project that only a file of the repository chose, before
// memories of it move between here and a remote ("" for none): from earlier, or by a question at
// a terminal. Without it the error is a *workspace.UntrustedError. Who only looks is told.
func MayUse(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, p workspace.Project, remote string) error {
	if ws.Trusts(p, remote) {
		return nil
	}
	untrusted := ws.Untrusted(p, remote)
	if ws.Looks() {
		term.Warn(untrusted.Choice() + ": nothing moves before `engram-sync trust` allows it")
		return nil
	}
	yes, err := term.AskWhether(ctx, untrusted.Choice()+": may its memories move between "+untrusted.Between()+"?")
	if err != nil {
		return err
	}
	if !yes {
		return untrusted
	}
	_, err = ws.Trust(p, remote)
	return err
}
