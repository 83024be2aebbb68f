// Package serve is the commands about an account server on this machine: serve, and what looks after its accounts.
// Only the root of the commands calls it.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const serveLong = `Run an account server on this machine, on one SQLite file, or as one of many on
a PostgreSQL database (--database).

It speaks the protocol of Engram Cloud account servers, so engram's own client
works with it too. Whoever reaches the address can register an account, unless
--no-register is given. So an address that is not loopback takes a certificate, and
--no-register, or flags that say that you want neither.

One process at a time serves a directory. The other commands of serve work beside it.

It stops on SIGINT and SIGTERM, after the requests under way, and on SIGHUP unless
there is something to open again: the access log, or the certificate, which is also
read by itself once its files have changed.

In a browser the address shows who signs in their own memories, as "engram-sync browse"
does those of a directory; --no-ui turns that off.

GET /health says whether the process is of use, GET /ready whether it can keep what
it is sent; --metrics-addr serves figures for Prometheus at /metrics.`

type serveOptions struct {
	addr            string
	place           place
	tlsCert, tlsKey string
	trustedProxies  []string
	noRegister      bool
	openRegister    bool
	insecureHTTP    bool
	accessLog       string
	accessFormat    string
	metricsAddr     string
	quota           string
	drain           time.Duration
	noUI            bool
}

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var opts serveOptions
	a := &admin{term: term, ws: ws, place: &opts.place}
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run an account server on this machine",
		Long:    problem.Help(serveLong, problem.Local, problem.Locked),
		Example: "  engram-sync serve --addr 127.0.0.1:8765 --data /srv/engram\n  engram-sync serve --addr 127.0.0.1:8765 --database postgres://engram@db.example.com/engram",
		Args:    command.RefuseUnknown,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), term, ws, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.addr, "addr", "127.0.0.1:8765", "listen on `HOST:PORT`")
	opts.place.addFlags(cmd.PersistentFlags())
	flags.BoolVar(&opts.noRegister, "no-register", false, "let nobody register without an invitation (serve user invite)")
	flags.BoolVar(&opts.openRegister, "open-registration", false, "let whoever reaches an address that is not loopback register")
	flags.BoolVar(&opts.insecureHTTP, "insecure-http", false, "listen on an address that is not loopback without TLS")
	flags.StringVar(&opts.tlsCert, "tls-cert", "", "the certificate and its chain are in `FILE` (PEM)")
	flags.StringVar(&opts.tlsKey, "tls-key", "", "the private key is in `FILE` (PEM)")
	flags.StringSliceVar(&opts.trustedProxies, "trusted-proxy", nil, "believe proxies in `CIDR` (or at an address) who their clients are; may be repeated")
	flags.StringVar(&opts.accessLog, "access-log", "", "add a line for each request to `FILE`, or - for stdout")
	flags.StringVar(&opts.accessFormat, "access-log-format", "text", "write it as `text|json`")
	flags.StringVar(&opts.metricsAddr, "metrics-addr", "", "serve metrics on `HOST:PORT`, to whoever reaches it")
	flags.StringVar(&opts.quota, "quota", "none", "let an account keep `SIZE`, such as 2GB, or none for no limit (serve user quota sets its own)")
	flags.DurationVar(&opts.drain, "drain", 0, "when stopped, take requests for `TIME` more, while GET /ready sends load balancers away")
	flags.BoolVar(&opts.noUI, "no-ui", false, "show no pages in a browser")
	cmd.AddCommand(a.newUser(), a.newBackup(), a.newRestore(), a.newMigrate())
	return cmd
}

// serve listens, and answers until the context ends.
func serve(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts serveOptions) (err error) {
	where, err := opts.place.options()
	if err != nil {
		return err
	}
	if opts.drain < 0 {
		return terminal.Usagef("--drain takes a time such as 15s, and none that is negative")
	}
	access, accessFile, err := accessLog(opts.accessLog, opts.accessFormat, term.Stdout)
	if err != nil {
		return err
	}
	if accessFile != nil {
		defer func() { err = errors.Join(err, accessFile.Close()) }()
	}
	if where.Quota, err = quota(opts.quota); err != nil {
		return err
	}
	proxies, err := networks(opts.trustedProxies)
	if err != nil {
		return err
	}
	cert, err := opts.certificate(ws.Log)
	if err != nil {
		return err
	}
	onHangup(ctx, cert, accessFile, ws.Log)
	ln, err := listen(ctx, opts.addr, "--addr")
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }() // Serve has closed it already, if it began
	if err := opts.mayListen(ln.Addr()); err != nil {
		return err
	}
	where.Logger, where.TrustedProxies, where.NoRegister = ws.Log, proxies, opts.noRegister
	where.AccessLog, where.Metrics, where.Drain = access, opts.metricsAddr != "", opts.drain
	where.Pages, where.Version = !opts.noUI, ws.Version
	where.Serves, where.LockWait = true, ws.Config.LockWait
	srv, err := server.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	ln = srv.LimitConnections(ln)
	scheme := "http"
	if cert != nil {
		scheme = "https"
		ln = tls.NewListener(ln, &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12})
	}
	var metricsAt net.Addr
	if where.Metrics {
		at, stop, err := serveMetrics(ctx, srv, opts.metricsAddr)
		if err != nil {
			return err
		}
		defer stop()
		metricsAt = at
	}
	term.Note("serving %s on %s://%s", opts.place.String(), scheme, ln.Addr())
	if metricsAt != nil {
		term.Note("serving metrics on http://%s/metrics", metricsAt)
	}
	return srv.Serve(ctx, ln)
}

// onHangup lets SIGHUP open again what can be: without anything of that it ends the server.
func onHangup(ctx context.Context, cert *certificate, access *logFile, log *slog.Logger) {
	if cert == nil && access == nil {
		return
	}
	terminal.OnHangup(ctx, func() {
		if cert != nil {
			cert.reload()
		}
		if access != nil {
			if err := access.reopen(); err != nil {
				log.Warn("the access log cannot be opened again: the one before stays in use", "error", err.Error())
			}
		}
	})
}

// certificate is the one that the options name, nil without one.
func (o *serveOptions) certificate(log *slog.Logger) (*certificate, error) {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return nil, terminal.Usagef("--tls-cert and --tls-key need each other: give both, or none")
	}
	if o.tlsCert == "" {
		return nil, nil
	}
	cert := &certificate{files: [2]string{o.tlsCert, o.tlsKey}, log: log}
	if err := cert.load(); err != nil {
		return nil, terminal.Usagef("load the certificate: %w", err)
	}
	return cert, nil
}

// mayListen refuses to be open to others where nobody said so.
func (o *serveOptions) mayListen(at net.Addr) error {
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return nil
	}
	if o.tlsCert == "" && !o.insecureHTTP {
		return terminal.Usagef("--addr: %q is not loopback, and without TLS passwords and memories can be read on their way: give --tls-cert and --tls-key, or listen on loopback behind a proxy that has TLS, or say --insecure-http", o.addr)
	}
	if !o.noRegister && !o.openRegister {
		return terminal.Usagef("--addr: %q is not loopback, and whoever reaches it could register an account: give --no-register, and make accounts with `engram-sync serve user add`, or say --open-registration", o.addr)
	}
	return nil
}

// networks reads --trusted-proxy.
func networks(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if at, bad := netip.ParseAddr(text); bad == nil {
			network, err = at.Prefix(at.BitLen())
		}
		if err != nil {
			return nil, terminal.Usagef("--trusted-proxy takes an address or a network such as 10.0.0.0/8, not %q", text)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// listen opens an address that a flag gave.
func listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, terminal.Usagef("%w: give a free HOST:PORT with %s", err, flag)
	}
	return ln, nil
}

// metricsTimeout bounds each step of a scrape.
const metricsTimeout = 30 * time.Second

// serveMetrics serves GET /metrics on an address of its own until stop is called.
func serveMetrics(ctx context.Context, srv *server.Server, addr string) (at net.Addr, stop func(), err error) {
	ln, err := listen(ctx, addr, "--metrics-addr")
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", srv.Metrics())
	scraped := &http.Server{Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout, IdleTimeout: metricsTimeout}
	ended := make(chan struct{})
	go func() {
		defer panics.Guard()
		defer close(ended)
		_ = scraped.Serve(ln) // it ends when it is closed
	}()
	return ln.Addr(), func() {
		_ = scraped.Close()
		<-ended
	}, nil
}
