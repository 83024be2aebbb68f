package rows

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
	"github.com/engram-sync/engram-sync/internal/testkit/certs"
)

const http1, http2 = "bare HTTP/1.1", "bare HTTP/2"

// protocols is one large chunk over TLS and a distance.
func (k *kit) protocols() bench.Row {
	size := choose(k, 100*kB, 30*mB, 30*mB)
	return bench.Row{
		Name: "protocols", Title: "TLS, HTTP/1.1 and HTTP/2",
		About: "One chunk over TLS and a round trip of 20 ms. engram-sync and `serve` speak HTTP/1.1 only. What each protocol would cost, the two other columns show: " +
			"the same number of bytes between a bare client and a bare server of Go's own, which neither compress nor check nor keep anything.",
		Figures: []bench.Figure{wall, cpu}, Peers: []string{http1, http2},
		Cases: []bench.Case{
			{Name: "pull, " + bytesName(size), Open: k.speaks("pull", size)},
			{Name: "push, " + bytesName(size), Open: k.speaks("push", size)},
		},
	}
}

func (k *kit) speaks(verb string, size int) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (contest bench.Contest, err error) {
		chunks, data, err := k.full(ctx, 1, size)
		if err != nil {
			return contest, err
		}
		cert, err := k.certificate()
		if err != nil {
			return contest, err
		}
		proxy, err := stage.NewProxy(ctx, 20*time.Millisecond)
		if err != nil {
			return contest, err
		}
		contest.Close = proxy.Close
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				u, err := k.moveOverTLS(ctx, p.Program, verb, chunks, data, proxy, cert)
				return sample(u), err
			}})
		}
		for _, name := range []string{http1, http2} {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: name, Run: func(ctx context.Context) (bench.Sample, error) {
				u, err := k.moveBarely(ctx, verb, size, name == http2, proxy, cert)
				return sample(u), err
			}})
		}
		return contest, nil
	}
}

// certificate is one for this machine, and its key, as files.
type certificate struct{ cert, key string }

func (k *kit) certificate() (certificate, error) {
	c := certificate{k.Temp("cert.pem"), k.Temp("key.pem")}
	cert, key, err := certs.Make(1)
	for path, content := range map[string][]byte{c.cert: cert, c.key: key} {
		if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
	}
	return c, err
}

// moveOverTLS pulls or pushes the chunks; whether they are there is looked at without TLS, afterwards.
func (k *kit) moveOverTLS(
	ctx context.Context, p stage.Program, verb string, chunks *material.Chunks, data stage.Data, proxy *stage.Proxy, tls certificate,
) (u stage.Usage, err error) {
	dir := chunks.Dir
	if verb == "pull" {
		dir = k.Temp("pulled")
		defer gone(dir)
	} else {
		if data, err = k.Empty(ctx, k.Now); err != nil {
			return u, err
		}
		defer gone(data.Dir)
	}
	err = k.serving(ctx, k.Now, data, nil, func(server string) error {
		u, err = over(proxy, server, func(url string) (stage.Usage, error) {
			return k.Run(ctx, engramSync(p, url, data.Key, verb, "--quiet", "--ca-cert", tls.cert, "--dir", dir))
		})
		return err
	}, "--tls-cert", tls.cert, "--tls-key", tls.key)
	if err != nil {
		return u, err
	}
	if verb == "pull" {
		return u, chunks.CheckDir(dir)
	}
	return u, k.serving(ctx, k.Now, data, nil, func(server string) error { return stage.CheckAccount(ctx, server, data.Key, chunks) })
}

// moveBarely moves as many bytes between a bare client and a bare server.
func (k *kit) moveBarely(ctx context.Context, verb string, size int, second bool, proxy *stage.Proxy, tls certificate) (u stage.Usage, err error) {
	server, err := k.Start(ctx, stage.Command{Program: k.Mode("store"), Run: []string{
		"-cert", tls.cert, "-key", tls.key, "-size", strconv.Itoa(size),
	}})
	if err != nil {
		return u, err
	}
	u, err = over(proxy, server.URL, func(url string) (stage.Usage, error) {
		return k.Run(ctx, stage.Command{Program: k.Mode("store-" + verb), Run: []string{
			"-url", url, "-ca", tls.cert, "-size", strconv.Itoa(size), "-http2=" + strconv.FormatBool(second),
		}})
	})
	_, stopped := server.Stop()
	return u, errors.Join(err, stopped)
}
