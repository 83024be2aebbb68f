package cli

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// TestPagesOfTwoProcesses: who has signed in at one process of a database reads at each of them, on the same machine or another one,
// and at none once the account is deleted.
func TestPagesOfTwoProcesses(t *testing.T) {
	skipLong(t)
	database := pgtest.Database(t)
	here, there := newUser(t, "", ""), newUser(t, "", "")
	var urls []string
	for _, u := range []*user{here, here, there} {
		at, stop := u.serve("--database", database)
		defer stop(syscall.SIGTERM)
		urls = append(urls, at)
	}
	tokens := map[string]string{}
	for i, name := range []string{"alice", "bo"} {
		token, err := registerUser(urls[i], name)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
	}
	push := func(at, name, title string) {
		t.Helper()
		data := `{"sessions":[],"observations":[{"sync_id":"o1","type":"note","title":"` + title + `","content":"word","created_at":"2026-10-01 10:00:00"}],"prompts":[]}`
		if !pushRaw(t, at, tokens[name], contentID([]byte(data)), data) {
			t.Fatalf("%s cannot push", name)
		}
	}
	push(urls[0], "alice", "Alpha title")
	push(urls[1], "bo", "Beta title")

	// A browser knows hosts, and no ports: what one process gives it goes to all of them.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	ask := func(method, at, form string) (status int, text string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	signIn := url.Values{"name": {"alice"}, "password": {"correct horse"}}.Encode()
	if status, text := ask(http.MethodPost, urls[0]+"/sign-in", signIn); status != http.StatusOK || !strings.Contains(text, "Alpha title") {
		t.Fatalf("signed in: %d %s", status, text)
	}
	for _, at := range urls {
		if status, text := ask(http.MethodGet, at+"/search?q=title", ""); status != http.StatusOK || !strings.Contains(text, "Alpha") || strings.Contains(text, "Beta") {
			t.Errorf("%s shows alice %d: %s", at, status, text)
		}
	}
	push(urls[2], "alice", "Gamma title")
	for _, at := range urls { // each looks once a second
		for {
			status, text := ask(http.MethodGet, at+"/search?q=gamma", "")
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", at, status, text)
			}
			if strings.Contains(text, "Gamma") && strings.Contains(text, "<mark>") {
				break
			}
		}
	}

	here.run(0, "serve", "user", "delete", "alice", "--yes", "--database", database)
	for _, at := range urls {
		if status, text := ask(http.MethodGet, at+"/search?q=title", ""); status != http.StatusUnauthorized || strings.Contains(text, "Alpha") {
			t.Errorf("%s shows who was deleted %d: %s", at, status, text)
		}
		if status, text := ask(http.MethodPost, at+"/sign-in", signIn); status != http.StatusUnauthorized {
			t.Errorf("%s lets in who was deleted: %d %s", at, status, text)
		}
	}
	signIn = url.Values{"name": {"bo"}, "password": {"correct horse"}}.Encode()
	if status, text := ask(http.MethodPost, urls[2]+"/sign-in", signIn); status != http.StatusOK || !strings.Contains(text, "Beta title") {
		t.Errorf("bo: %d %s", status, text)
	}
}
