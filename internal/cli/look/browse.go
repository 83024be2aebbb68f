package look

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/look/places"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/pages/desk"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const browseLong = `Show the memories of the chunk directory in a browser: when what was written, what is in
each chunk, one memory with what each chunk changed in it, and a search. With --remote:
those of that remote, or of the vault (--remote embedded).

The pages are served on this machine alone, below a path that nobody can guess, until you
press Ctrl-C. They have no scripts, change nothing and fetch nothing from elsewhere. Chunks
that come while they are open are seen when a page is loaded.

The browser is opened where there is a screen, on a terminal; the address is printed in any
case. Whoever has it can read the memories until the command ends.`

type browse struct {
	*looker
	addr   string
	noOpen bool
}

// NewBrowse makes the command browse.
func NewBrowse(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	b := &browse{looker: &looker{term: term, ws: ws}}
	cmd := &cobra.Command{
		Use:     "browse",
		Short:   "Show memories in a browser",
		Long:    problem.Help(browseLong, problem.Remote),
		Example: "  engram-sync browse\n  engram-sync browse --remote embedded\n  engram-sync browse --no-open --addr 127.0.0.1:8080",
		Args:    command.RefuseUnknown,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ws.OnlyLook()
			b.remote = cmd.Flags().Changed("remote")
			return b.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&b.addr, "addr", "127.0.0.1:0", "listen on `HOST:PORT` of loopback; port 0 is any free one")
	cmd.Flags().BoolVar(&b.noOpen, "no-open", false, "only print the address")
	return cmd
}

func (b *browse) run(ctx context.Context) error {
	host, _, err := net.SplitHostPort(b.addr)
	if err != nil {
		return terminal.Usagef("--addr takes a HOST:PORT such as 127.0.0.1:8080: %q", b.addr)
	}
	// Before anything listens: nobody else shall get a word of it.
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return terminal.Usagef("--addr: %q is not loopback, and others could read the memories: give 127.0.0.1:PORT", b.addr)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", b.addr)
	if err != nil {
		return terminal.Usagef("%w: give a free port with --addr", err)
	}
	defer func() { _ = ln.Close() }() // the server has closed it already, if it began
	return b.within(ctx, func(x index) error {
		if len(x.failed) > 0 {
			b.term.Warn(terminal.Count(len(x.failed), "chunk") + " cannot be read: the pages say which, and why")
		}
		place, fresh := b.place(ctx, x)
		defer fresh.Stop()
		local := pages.NewLocal(pages.New(place))
		url := "http://" + ln.Addr().String()
		if err := b.term.Value(terminal.Fields{"url": url + local.Path()}, url+local.Path()); err != nil {
			return err
		}
		b.term.Flush()
		b.term.Note("Ctrl-C ends it")
		if !b.noOpen && b.term.Stdout.IsTerminal() {
			if err := desk.Open(ctx, b.ws.Environ, url+local.Once(desk.SameUser)); err != nil {
				b.term.Warn("no browser can be opened: " + terminal.Visible(err.Error()))
			}
		}
		return terminal.Stayed(desk.Serve(ctx, ln, local, b.ws.Log))
	})
}

// place is what the pages show, and what keeps it up to date.
func (b *browse) place(ctx context.Context, x index) (pages.Place, *pages.Fresh) {
	p, every := pages.Place{Name: "the directory here", Version: b.ws.Version, Index: x.Index, Source: x.src, Log: b.ws.Log}, time.Second
	switch src := x.src.(type) {
	case places.Directory:
		p.Name, p.ReadChunk = src.Path(), src.Rows
	case places.Remote:
		p.Name, every = src.Conn.Label, time.Minute // each look is a request
	}
	fresh := pages.NewFresh(ctx, x.Index, x.src, every, memoryindex.Options{AtOnce: b.ws.Config.Concurrency})
	fresh.Looked(x.unread)
	p.Refresh = fresh.Refresh
	return p, fresh
}
