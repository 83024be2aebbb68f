package look

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/panics"
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
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", b.addr)
	if err != nil {
		return terminal.Usagef("%w: give a free HOST:PORT with --addr", err)
	}
	defer func() { _ = ln.Close() }() // the server has closed it already, if it began
	if at, ok := ln.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return terminal.Usagef("%s is not loopback, and others could read the memories: give --addr 127.0.0.1:PORT", ln.Addr())
	}
	return b.within(ctx, func(x index) error {
		if len(x.failed) > 0 {
			b.term.Warn(terminal.Count(len(x.failed), "chunk") + " cannot be read: the pages say which, and why")
		}
		local := pages.NewLocal(pages.New(b.place(ctx, x)))
		url := "http://" + ln.Addr().String()
		if err := b.term.Value(terminal.Fields{"url": url + local.Path()}, url+local.Path()); err != nil {
			return err
		}
		b.term.Flush()
		b.term.Note("Ctrl-C ends it")
		if !b.noOpen && b.term.Stdout.IsTerminal() {
			if err := openBrowser(ctx, b.ws.Environ, url+local.Once(sameUser)); err != nil {
				b.term.Warn("no browser can be opened: " + terminal.Visible(err.Error()))
			}
		}
		return serveLocal(ctx, ln, local, b.ws.Log)
	})
}

// place is what the pages show.
func (b *browse) place(ctx context.Context, x index) pages.Place {
	name, every := "the directory here", time.Second
	read := func(ctx context.Context, id engram.ChunkID) (rows []history.Row, err error) {
		err = x.src.Read(ctx, id, func(c *engram.Chunk) error {
			rows, err = history.ReadChunk(c)
			return err
		})
		return rows, err
	}
	switch src := x.src.(type) {
	case directory:
		name = src.Path()
		read = func(_ context.Context, id engram.ChunkID) ([]history.Row, error) { return readHere(src.Directory, id) }
	case remote:
		name, every = src.conn.Label, time.Minute // each look is a request
	}
	f := &fresh{ctx: ctx, x: x, every: every, atOnce: b.ws.Config.Concurrency, failed: x.unread, at: time.Now()}
	return pages.Place{Name: name, Version: b.ws.Version, Index: x.Index, Source: x.src, Refresh: f.refresh, ReadChunk: read, Log: b.ws.Log}
}

// fresh keeps an index up to date, looking no more often than every.
type fresh struct {
	ctx    context.Context // of the command: what one page has begun is of use to the next, whoever leaves
	x      index
	every  time.Duration
	atOnce int

	mu     sync.Mutex
	at     time.Time // of the last look
	failed []memoryindex.Failure
	err    error
}

func (f *fresh) refresh(context.Context) ([]memoryindex.Failure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) < f.every {
		return f.failed, f.err
	}
	failed, err := f.x.Update(f.ctx, f.x.src, memoryindex.Options{AtOnce: f.atOnce})
	if f.err = err; err == nil {
		f.failed = failed
	}
	f.at = time.Now()
	return f.failed, f.err
}

const (
	localTimeout   = 10 * time.Second
	writeTimeout   = 3 * time.Minute // a page has two
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	endTimeout     = time.Second // the pages under way are nobody's work
)

// serveLocal serves until the context ends, whose cause is the error then.
func serveLocal(ctx context.Context, ln net.Listener, pages http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: pages, ReadTimeout: localTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() {
		defer panics.Guard()
		failed <- srv.Serve(ln)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if srv.Shutdown(end) != nil {
		_ = srv.Close() // of requests that go on for longer
	}
	_ = <-failed // it ends when it is closed
	return context.Cause(ctx)
}
