package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMutate adds mutations to an account's journal without engram-sync.
func cmdMutate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mutate NAME N, or mutate NAME JSON-FILE")
	}
	s := serverOf(ts, args[0])
	var batch string
	if n, err := strconv.Atoi(args[1]); err == nil {
		batch = mutationBatch(n)
	} else {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		ts.Check(err)
		batch = string(text)
	}
	ts.Check(mutate(s.handler, ts.Getenv(args[0]+"_TOKEN"), batch))
}

// mutate pushes a batch straight to a server.
func mutate(server http.Handler, token, batch string) error {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/sync/mutations/push", strings.NewReader(batch))
	req.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, req)
	if answer.Code != http.StatusOK {
		return fmt.Errorf("push mutations: %d %s", answer.Code, answer.Body)
	}
	return nil
}

// mutationBatch is a batch of n mutations, with keys obs-1 and on.
func mutationBatch(n int) string {
	var b strings.Builder
	b.WriteString(`{"mutations":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"entity":"observation","entity_key":"obs-%d","op":"upsert","payload":{"title":"number %d"}}`, i+1, i+1)
	}
	return b.String() + `]}`
}
