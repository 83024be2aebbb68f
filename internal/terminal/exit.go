package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/engram-sync/engram-sync/internal/panics"
)

// UsageError is a command line, or a setting, that can't be followed.
type UsageError struct {
	Command string // whose help explains it; "" if the text says all
	Err     error
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a usage error as fmt.Errorf makes one.
func Usagef(format string, args ...any) error { return &UsageError{Err: fmt.Errorf(format, args...)} }

// ExitStatus is the error of a command whose output has been printed already.
type ExitStatus struct {
	Code    int
	Message string // of the summary; "" if there is nothing to add
	Hint    string // in JSON, where to look in the document; "" is its member failed
}

func (e *ExitStatus) Error() string { return e.Message }

// Interrupted is the cause of a context that a signal ended, or the time that the user gave the run.
type Interrupted struct {
	Signal os.Signal     // nil where the time was over
	After  time.Duration // how much that was
}

func (e *Interrupted) Error() string {
	if e.Signal == nil {
		return "stopped after " + e.After.String() + ", as max-duration says"
	}
	return "interrupted"
}

// Stayed is the error of a command that stays until a signal ends it, as a server does: that end is none.
func Stayed(err error) error {
	if end, ok := errors.AsType[*Interrupted](err); ok && end.Signal != nil {
		return nil
	}
	return err
}

// Within gives a context that ends when the time of a run is over, as one that a signal ends; 0 is no limit.
func Within(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return parent, func() {}
	}
	return context.WithTimeoutCause(parent, limit, &Interrupted{After: limit})
}

// WithSignals gives a context that the first SIGINT, SIGTERM or SIGHUP ends. From then
// on the signals do again what they always do: a second one kills. See also OnHangup.
func WithSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	hangup := new(atomic.Pointer[func()])
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, ending()...)
	go func() {
		defer panics.Guard()
		defer signal.Stop(signals)
		for {
			select {
			case s := <-signals:
				if reload := hangup.Load(); s == syscall.SIGHUP && reload != nil {
					(*reload)()
					continue
				}
				cancel(&Interrupted{Signal: s})
			case <-ctx.Done():
			}
			return
		}
	}()
	return context.WithValue(ctx, hangupKey{}, hangup), func() { cancel(nil) }
}

type hangupKey struct{}

// OnHangup lets SIGHUP call reload instead of ending ctx, which comes from WithSignals: a server reads
// its files again. reload is called by one goroutine at a time.
func OnHangup(ctx context.Context, reload func()) {
	if hangup, ok := ctx.Value(hangupKey{}).(*atomic.Pointer[func()]); ok {
		hangup.Store(&reload)
	}
}

// ending are the signals that end a run. A SIGHUP that somebody ignores, as nohup does,
// stays ignored: to listen to it would end that.
func ending() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}
