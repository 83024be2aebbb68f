package wiretest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Reply is an answer to Ask, read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends one request with a client. headers are "Name: value", of one name as many
// as there are; token is for Authorization, unless they have that.
func Ask(t testing.TB, c *http.Client, token, method, url string, body io.Reader, headers ...string) Reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	if token != "" && req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return Reply{resp.StatusCode, resp.Header, string(text)}
}
