package rows

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

// callKind is a kind of system call that a row counts.
type callKind struct {
	bench.Figure
	calls []string // by their names in strace
}

// callKinds are those that a program asks for itself. Those with which threads wait for each other and for the
// network are left out: they come as the machine, and strace, let threads run.
var callKinds = []callKind{
	{bench.Figure{Name: "writes a chunk", Unit: bench.Count}, []string{"write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg"}},
	{bench.Figure{Name: "reads a chunk", Unit: bench.Count}, []string{"read", "readv", "pread64", "preadv", "recvfrom", "recvmsg", "getdents64"}},
	{bench.Figure{Name: "waits for the disk a chunk", Unit: bench.Count}, []string{"fsync", "fdatasync"}},
	{bench.Figure{Name: "locks and flags (fcntl) a chunk", Unit: bench.Count}, []string{"fcntl", "flock"}},
	{bench.Figure{Name: "calls about files by their names a chunk", Unit: bench.Count}, []string{
		"open", "openat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "mkdir", "mkdirat",
		"link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "chmod", "fchmodat",
	}},
}

// calls is what a pull asks of the system, which strace counts.
func (k *kit) calls() bench.Row {
	row := bench.Row{
		Name: "calls", Title: "System calls of a pull",
		About: "The calls of the client in a pull of small chunks, start included, as `strace -f -c` counts them: the package strace of most Linux systems. " +
			"Those with which threads wait for each other and for the network are left out, since they depend on how the machine lets threads run.",
		Peers: []string{standIn},
	}
	for _, kind := range callKinds {
		row.Figures = append(row.Figures, kind.Figure)
	}
	_, err := exec.LookPath("strace")
	if err != nil {
		row.About = "Not measured: there is no strace here, which counts them."
	}
	for _, c := range choose(k, []chunkKey{{5, kB}}, []chunkKey{{200, 32 * kB}, {500, kB}}, []chunkKey{{200, 32 * kB}, {500, kB}}) {
		open := k.countsCalls(c)
		if err != nil {
			open = func(context.Context) (bench.Contest, error) { return bench.Contest{}, nil }
		}
		row.Cases = append(row.Cases, bench.Case{Name: chunksOf(c.n, c.size), Open: open})
	}
	return row
}

func (k *kit) countsCalls(set chunkKey) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (bench.Contest, error) {
		chunks, data, err := k.full(ctx, set.n, set.size)
		if err != nil {
			return bench.Contest{}, err
		}
		var contest bench.Contest
		for _, m := range k.movers("pull") {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: m.name, Run: func(ctx context.Context) (bench.Sample, error) {
				dir, counted := k.Temp("pulled"), k.Temp("calls")
				defer gone(dir)
				err := k.serving(ctx, k.Now, data, nil, func(server string) error {
					c := m.command(server, data.Key, dir)
					c.Args = slices.Concat([]string{"-f", "-c", "-U", "calls,name", "-o", counted, c.Path}, c.Args)
					c.Path = "strace"
					_, err := k.Run(ctx, c)
					return err
				})
				if err == nil {
					err = chunks.CheckDir(dir)
				}
				if err != nil {
					return nil, err
				}
				text, err := os.ReadFile(counted)
				if err != nil {
					return nil, fmt.Errorf("count system calls: %w", err)
				}
				return callsOf(string(text), set.n)
			}})
		}
		return contest, nil
	}
}

// callsOf reads what strace has counted: lines of a number and a name.
func callsOf(text string, chunks int) (bench.Sample, error) {
	s, counted := bench.Sample{}, false
	for _, kind := range callKinds {
		s[kind.Figure] = 0
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			continue // a heading
		}
		for _, kind := range callKinds {
			if slices.Contains(kind.calls, fields[1]) {
				s[kind.Figure] += float64(n) / float64(chunks)
				counted = true
			}
		}
	}
	if !counted {
		return nil, errors.New("strace has counted nothing")
	}
	return s, nil
}
