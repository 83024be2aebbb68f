package cancellable_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

var errEnough = errors.New("enough")

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := cancellable.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("it slept for %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnough)
		defer cancel()
		start = time.Now()
		if err := cancellable.Sleep(ctx, time.Hour); !errors.Is(err, errEnough) || time.Since(start) != time.Minute {
			t.Errorf("it was woken after %v: %v", time.Since(start), err)
		}
	})
}

func TestReader(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := cancellable.Reader(ctx, strings.NewReader("text"))
	if _, err := io.ReadFull(r, make([]byte, 2)); err != nil {
		t.Error(err)
	}
	cancel(errEnough)
	if text, err := io.ReadAll(r); len(text) > 0 || !errors.Is(err, errEnough) {
		t.Errorf("read %q, %v", text, err)
	}
}
