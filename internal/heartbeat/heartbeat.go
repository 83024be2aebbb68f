// Package heartbeat tells a monitor that a run has begun and how it ended, so that somebody is told of the run that
// failed, and of the one that never came. Only the commands that run unattended call it.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// wait is how long one signal may take with all its attempts: no run shall wait for its monitor.
	wait     = 10 * time.Second
	attempts = 3
	// pause lies between attempts: a lost packet, or a network that is just coming up.
	pause = time.Second
)

// Monitor is the check that a monitor keeps of runs of one kind. It follows the convention of healthchecks.io, which
// others have taken over: a request to the URL is a success, one to URL/start the beginning, and one to URL/CODE a
// failure with that exit code.
type Monitor struct {
	URL  string // a secret: who knows it can say that all is well
	Base http.RoundTripper
	// UserAgent is what the requests call themselves.
	UserAgent string
}

// Started says that a run has begun.
func (m Monitor) Started(ctx context.Context) error { return m.signal(ctx, "start") }

// Ended says how it ended. It is heard also where ctx is over, since that may be how.
func (m Monitor) Ended(ctx context.Context, code int) error {
	word := strconv.Itoa(code)
	if code == 0 {
		word = ""
	}
	return m.signal(context.WithoutCancel(ctx), word)
}

// signal sends one, a few times if need be. The error names the host and nothing else of the URL.
func (m Monitor) signal(ctx context.Context, word string) error {
	to, err := url.Parse(m.URL)
	if err != nil {
		return errors.New("the heartbeat's URL cannot be read")
	}
	if word != "" {
		to = to.JoinPath(word)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("no answer within %s", wait))
	defer cancel()
	for attempt := 1; ; attempt++ {
		again := false
		if again, err = m.ask(ctx, to.String()); err == nil {
			return nil
		}
		if again && attempt < attempts {
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
			}
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s did not hear the heartbeat: %w", to.Host, err)
	}
}

// ask makes one request, and says whether another one may fare better. No redirect is followed, which would take the
// URL elsewhere.
func (m Monitor) ask(ctx context.Context, to string) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", m.UserAgent)
	if user := req.URL.User; user != nil { // of a monitor behind a password: only an http.Client does that by itself
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	resp, err := m.Base.RoundTrip(req)
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()                      // nobody needs it
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests,
		fmt.Errorf("it answers %s", strings.TrimSpace(strconv.Itoa(resp.StatusCode)+" "+http.StatusText(resp.StatusCode)))
}
