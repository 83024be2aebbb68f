package httplayer

import "context"

// BodyMode is how far the retries of a GET reach into its body.
type BodyMode int

// The modes.
const (
	BodyAsIs   BodyMode = iota
	BodyWhole           // read inside the attempt, so that a cut body is a failed attempt
	BodyResume          // a cut body is asked for again, and goes on where it was cut
)

// Call is one request of ours over all its attempts and redirects. Its maker says
// what the layers may do for it; Client puts it into the context of the request,
// which is the only way for it through http.Client, and there the layers read it.
// Retry alone writes to it: it counts the attempts, for the texts of errors.
type Call struct {
	Op    string // what it is, for errors, such as "push chunk 0cdb38de"
	Mode  BodyMode
	Limit int64 // of a body that is read whole
	Cut   bool  // a longer body is no error: it is cut after Limit+1 bytes

	Anonymous      bool // no token goes along
	Confidential   bool // with or without a token, it goes nowhere that a token would not go
	Idempotent     bool // a POST or DELETE that does no harm twice
	NoWait         bool // somebody waits at a prompt: better an error than a pause
	NoRetryOnStall bool // a server that does not answer is not asked again: it may hang

	attempts int
}

type callKey struct{}

func withCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom finds the call of a request; a layer that stands alone gets an empty one.
func callFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}
