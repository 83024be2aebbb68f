//go:build unix

package terminal

import (
	"context"
	"errors"
	"os/signal"
	"syscall"
	"testing"
)

// TestOnHangup: a SIGHUP ends a run, unless the command has a use for it; another signal still ends it.
func TestOnHangup(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("whoever started this ignores it")
	}
	send := func(s syscall.Signal) {
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := WithSignals(t.Context())
	defer stop()
	reloads := make(chan bool)
	OnHangup(ctx, func() { reloads <- true })
	for range 2 {
		send(syscall.SIGHUP)
		<-reloads
	}
	if ctx.Err() != nil {
		t.Fatal("a SIGHUP that means reload ended the run")
	}
	send(syscall.SIGTERM)
	<-ctx.Done()

	ctx, stop = WithSignals(t.Context())
	defer stop()
	send(syscall.SIGHUP)
	<-ctx.Done()
	var ended *Interrupted
	if !errors.As(context.Cause(ctx), &ended) || ended.Signal != syscall.SIGHUP {
		t.Errorf("it ended by %v", context.Cause(ctx))
	}
}
