package httplayer

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewBase is Go's own transport, set up so that as many connections stay open
// as there are workers (concurrency). Compression is off: it would hide what was really sent.
func NewBase(authorities *tls.Config, concurrency int, timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: min(timeout, 15*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       authorities,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConns:          concurrency + 2,
		MaxIdleConnsPerHost:   concurrency + 2,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   min(timeout, 15*time.Second),
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
}
