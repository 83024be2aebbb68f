package workspace

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// tlsConfig is for servers whose certificate the system does not know, and for
// those that want to know ours. nil means Go's defaults.
func tlsConfig(cfg config.Config) (*tls.Config, error) {
	if cfg.CACert == "" && cfg.ClientCert == "" {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CACert != "" {
		pool, err := caPool(cfg.CACert)
		if err != nil {
			return nil, terminal.Usagef("ca-cert: %w", err)
		}
		conf.RootCAs = pool
	}
	if cfg.ClientCert != "" {
		cert, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, terminal.Usagef("client-cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, nil
}

// caPool is the system's authorities and those in the file.
func caPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without authorities has only the user's
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(path + " holds no certificate in PEM")
	}
	return pool, nil
}
