// Package rows has every row of the benchmark: what is run, against what, and when the outcome is right.
package rows

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// Scale says how large everything is.
type Scale int

// The scales: Quick only shows that everything runs, Full takes an hour or more.
const (
	Usual Scale = iota
	Quick
	Full
)

// All are the rows at a scale.
func All(st *stage.Stage, scale Scale) []bench.Row {
	k := &kit{Stage: st, scale: scale, chunks: map[chunkKey]*material.Chunks{}, filled: map[chunkKey]stage.Data{}}
	return []bench.Row{
		k.pullCount(), k.pullSize(), k.pushCount(), k.pushSize(), k.project(), k.verify(), k.look(), k.idle(), k.calls(), k.mutationsPush(), k.mutationsPull(),
		k.export(), k.mergeDriver(), k.serve(), k.neighbours(), k.manifest(), k.start(), k.protocols(), k.pullFar(), k.pushFar(),
	}
}

// The peers.
const (
	standIn = "stand-in"
	bare    = "bare work"
)

// The figures that many rows have.
var (
	cpuChunk = bench.Figure{Name: "CPU a chunk", Unit: bench.Seconds}
	cpuMB    = bench.Figure{Name: "CPU a MB", Unit: bench.Seconds}
	cpuRow   = bench.Figure{Name: "CPU a row", Unit: bench.Seconds}
	cpu      = bench.Figure{Name: "CPU", Unit: bench.Seconds}
	memory   = bench.Figure{Name: "memory", Unit: bench.Bytes}
	wall     = bench.Figure{Name: "time", Unit: bench.Seconds}
	requests = bench.Figure{Name: "requests", Unit: bench.Count}
)

// kit is what rows are made with: it makes material once for all rows that need the same.
type kit struct {
	*stage.Stage
	scale  Scale
	chunks map[chunkKey]*material.Chunks
	filled map[chunkKey]stage.Data
}

type chunkKey struct{ n, size int }

// The sizes of chunks, in bytes.
const (
	kB = 1000
	mB = 1000 * kB
)

// choose gives one of three for the scale.
func choose[T any](k *kit, quick, usual, full T) T { return [...]T{usual, quick, full}[k.scale] }

// set is a chunk directory with n chunks of a size.
func (k *kit) set(n, size int) (*material.Chunks, error) {
	key := chunkKey{n, size}
	if made, ok := k.chunks[key]; ok {
		return made, nil
	}
	made, err := material.WriteChunks(filepath.Join(k.Temp("chunks"), ".engram"), n, size)
	if err == nil {
		k.chunks[key] = made
	}
	return made, err
}

// full is the data of a server that has the chunks of a set. It is only read.
func (k *kit) full(ctx context.Context, n, size int) (*material.Chunks, stage.Data, error) {
	chunks, err := k.set(n, size)
	if err != nil {
		return nil, stage.Data{}, err
	}
	key := chunkKey{n, size}
	if data, ok := k.filled[key]; ok {
		return chunks, data, nil
	}
	data, err := k.Empty(ctx, k.Now)
	if err != nil {
		return nil, data, err
	}
	err = k.serving(ctx, k.Now, data, nil, func(server string) error {
		c := engramSync(k.Now, server, data.Key, "push", "--quiet", "-j", "32", "--dir", chunks.Dir)
		if _, err := k.Run(ctx, c); err != nil {
			return err
		}
		return stage.CheckAccount(ctx, server, data.Key, chunks)
	})
	if err == nil {
		k.filled[key] = data
	}
	return chunks, data, err
}

// serving runs do while an account server serves data, and gives to each what the server took.
func (k *kit) serving(ctx context.Context, p stage.Program, data stage.Data, took *stage.Usage, do func(server string) error, flags ...string) error {
	server, err := k.Serve(ctx, p, data.Dir, flags...)
	if err != nil {
		return err
	}
	err = do(server.URL)
	usage, stopped := server.Stop()
	if err == nil {
		err = stopped
	}
	if took != nil {
		*took = usage
	}
	return err
}

// engramSync is a command line of engram-sync for a server.
func engramSync(p stage.Program, url, key string, args ...string) stage.Command {
	return stage.Command{Program: p, Run: args, Env: map[string]string{"ENGRAM_SYNC_REMOTE": url, "ENGRAM_SYNC_TOKEN": key}}
}

// mover is a program that moves chunks: name says as what it takes part.
type mover struct {
	name    string
	program stage.Program
	command func(url, key, dir string) stage.Command
}

// movers are engram-sync, as it was and as it is, and the stand-in, all of which do the same thing.
func (k *kit) movers(verb string) []mover {
	var all []mover
	for _, one := range k.programs() {
		all = append(all, mover{name: one.name, program: one.Program, command: func(url, key, dir string) stage.Command {
			return engramSync(one.Program, url, key, verb, "--quiet", "--dir", dir)
		}})
	}
	return append(all, mover{name: standIn, program: k.Now, command: func(url, key, dir string) stage.Command {
		return stage.Command{Program: k.Mode(verb), Run: []string{"-url", url, "-token", key, "-dir", dir}}
	}})
}

// named is a program that takes part.
type named struct {
	stage.Program
	name string
}

// programs are engram-sync as it was, if that takes part, and as it is.
func (k *kit) programs() []named {
	var all []named
	if k.Before != nil {
		all = append(all, named{*k.Before, bench.Before})
	}
	return append(all, named{k.Now, bench.Now})
}

// over runs a client against a server at a distance.
func over(proxy *stage.Proxy, server string, run func(url string) (stage.Usage, error)) (stage.Usage, error) {
	if err := proxy.To(server); err != nil {
		return stage.Usage{}, err
	}
	return run(proxy.URL)
}

// sample has the figures that every process has.
func sample(u stage.Usage) bench.Sample {
	s := bench.Sample{cpu: u.CPU.Seconds(), wall: u.Wall.Seconds()}
	if u.RSS > 0 {
		s[memory] = float64(u.RSS)
	}
	return s
}

// near is the distance of rows that are not about it.
const near = time.Duration(0)

// gone removes a directory that only one run needed.
func gone(dir string) { _ = os.RemoveAll(dir) } // the stage goes as a whole later
