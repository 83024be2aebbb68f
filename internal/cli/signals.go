package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "interrupted" }

// code is what a shell reports for a process that the signal ended.
func (e *signalError) code() int {
	if e.signal == syscall.SIGTERM {
		return codeTerminated
	}
	return codeInterrupted
}

// withSignals gives a context that the first SIGINT or SIGTERM ends. From then
// on the signals do again what they always do: a second one kills.
func withSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(&signalError{s})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}
