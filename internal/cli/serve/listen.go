// Package serve is the commands about an account server on this machine: serve, and what looks after its accounts.
// Only the root of the commands calls it.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const serveLong = `Run an account server on this machine, on one SQLite file, or as one of many on
a PostgreSQL database (--database).

It speaks the protocol of Engram Cloud account servers, so engram's own client
works with it too. Anybody who reaches the address can register an account,
unless --no-register is given: keep it on loopback, or behind TLS and a firewall.

It stops on SIGINT, SIGTERM and SIGHUP, after the requests under way. With --tls-cert SIGHUP reads the
certificate again, which happens by itself too once its files change.`

type serveOptions struct {
	addr            string
	place           place
	tlsCert, tlsKey string
	trustForwarded  bool
	noRegister      bool
}

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var opts serveOptions
	a := &admin{term: term, ws: ws, place: &opts.place}
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run an account server on this machine",
		Long:    problem.Help(serveLong, problem.Local),
		Example: "  engram-sync serve --addr 127.0.0.1:8765 --data /srv/engram\n  engram-sync serve --addr 127.0.0.1:8765 --database postgres://engram@db.example.com/engram",
		Args:    command.RefuseUnknown,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), term, ws, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.addr, "addr", "127.0.0.1:8765", "listen on `HOST:PORT`")
	opts.place.addFlags(cmd.PersistentFlags())
	flags.BoolVar(&opts.noRegister, "no-register", false, "let nobody register: accounts are made with serve user add")
	flags.StringVar(&opts.tlsCert, "tls-cert", "", "the certificate and its chain are in `FILE` (PEM)")
	flags.StringVar(&opts.tlsKey, "tls-key", "", "the private key is in `FILE` (PEM)")
	flags.BoolVar(&opts.trustForwarded, "trust-forwarded-for", false, "take the client's address from X-Forwarded-For (only behind a proxy that sets it)")
	cmd.AddCommand(a.newUser(), a.newBackup(), a.newRestore())
	return cmd
}

// serve listens, and answers until the context ends.
func serve(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts serveOptions) (err error) {
	where, err := opts.place.options()
	if err != nil {
		return err
	}
	ln, err := listen(ctx, opts, ws.Log)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }() // Serve has closed it already, if it began
	where.Logger, where.TrustForwardedFor, where.NoRegister = ws.Log, opts.trustForwarded, opts.noRegister
	srv, err := server.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	scheme := "http"
	if opts.tlsCert != "" {
		scheme = "https"
	}
	term.Note("serving %s on %s://%s", opts.place.String(), scheme, ln.Addr())
	return srv.Serve(ctx, ln)
}

// listen opens the address, with TLS if there is a certificate.
func listen(ctx context.Context, opts serveOptions, log *slog.Logger) (net.Listener, error) {
	if (opts.tlsCert == "") != (opts.tlsKey == "") {
		return nil, terminal.Usagef("--tls-cert and --tls-key need each other: give both, or none")
	}
	var conf *tls.Config
	if opts.tlsCert != "" {
		cert := &certificate{files: [2]string{opts.tlsCert, opts.tlsKey}, log: log}
		if err := cert.load(); err != nil {
			return nil, terminal.Usagef("load the certificate: %w", err)
		}
		terminal.OnHangup(ctx, cert.reload)
		conf = &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", opts.addr)
	if err != nil {
		return nil, terminal.Usagef("%w: give a free HOST:PORT with --addr", err)
	}
	if conf != nil {
		ln = tls.NewListener(ln, conf)
	}
	return ln, nil
}
