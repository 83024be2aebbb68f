package secret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	key      = "eng_0123456789abcdef0123456789abcdef"
	password = `pl"4nted \ <päss>&w`
)

func setOf(secrets ...string) *set {
	s := &set{}
	for _, one := range secrets {
		s.add(one)
	}
	return s
}

func TestRedact(t *testing.T) {
	s := setOf(key, "hunter2")
	for text, want := range map[string]string{
		"nothing to see":                  "nothing to see",
		"bad header: Bearer " + key + "!": "bad header: Bearer ***!",
		"cut off: " + key[:20] + "…":      "cut off: ***…",
		"eight: " + key[:8]:               "eight: ***",
		"seven: " + key[:7]:               "seven: " + key[:7],
		key + key:                         "***",
		key[:10] + key:                    "***",
		"a beginning, then other: " + key[:12] + "-xyz": "a beginning, then other: ***-xyz",
		"password hunter2":                "password ***",
		"hunter2s are many, and xhunter2": "hunter2s are many, and xhunter2",
		"hunter":                          "hunter",
	} {
		if got := s.redact(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What is taken out of JSON leaves JSON: an escape goes whole, or stays.
func TestRedactedJSONIsJSON(t *testing.T) {
	s := setOf(password, `abcdefgh"xyz`)
	for _, text := range []string{password, `abcdefgh\`, `abcdefgh"`, `abcdefgh"xyz"`, "x" + password[:9] + `\` + password, `pl"4nted \`} {
		doc, err := json.Marshal(map[string]string{"message": text})
		if err != nil {
			t.Fatal(err)
		}
		redacted := s.redact(string(doc))
		var back map[string]string
		if err := json.Unmarshal([]byte(redacted), &back); err != nil || !strings.Contains(back["message"], Mark) {
			t.Errorf("%s became %s: %v", doc, redacted, err)
		}
	}
}

// Whatever writes a secret down in a form of its own, and whoever quotes that once more.
func TestRedactForms(t *testing.T) {
	s := setOf(password)
	asJSON := func(text string) string {
		out, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	logged := func(text string) string {
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "error", text)
		return b.String()
	}
	writes := map[string]func(string) string{
		"as it is": func(text string) string { return text },
		"%q":       strconv.Quote, "%+q": strconv.QuoteToASCII, "graphic": strconv.QuoteToGraphic,
		"JSON": asJSON, "slog": logged,
	}
	for name, form := range map[string]string{
		"raw": password, "query": url.QueryEscape(password), "path": url.PathEscape(password), "userinfo": url.UserPassword("u", password).String(),
		"lower": strings.ToLower(url.PathEscape("pl")) + strings.TrimPrefix(strings.ReplaceAll(strings.ReplaceAll(url.PathEscape(password), "%C3%A4", "%c3%a4"), "%3C", "%3c"), "pl"),
	} {
		for first, once := range writes {
			for second, twice := range writes {
				text := twice("said: " + once(form) + ".")
				if got := s.redact(text); !strings.Contains(got, Mark) || strings.Contains(got, "nted") {
					t.Errorf("%s, %s, %s: %s stays %s", name, first, second, text, got)
				}
			}
		}
	}
}

func TestAddURL(t *testing.T) {
	AddEnvironment([]string{
		"HTTPS_PROXY=http://ana:s3cret%21word@proxy.example:3128", "no_proxy=localhost", "http_proxy=bob:other-secret@proxy:3128",
		"DATABASE_URL=x postgres://dbuser:db-password@h/d y", "TOKEN_URL=https://ghp_0123456789abcdefghij:x-oauth-basic@git.example/r", "E=https://onlyatoken1@h",
	})
	for _, text := range []string{
		"s3cret!word", "s3cret%21word", "other-secret", base64.StdEncoding.EncodeToString([]byte("ana:s3cret!word")),
		"db-password", "ghp_0123456789abcdefghij", "onlyatoken1",
	} {
		if got := Redact("it is " + text); got != "it is "+Mark {
			t.Errorf("%s: %s", text, got)
		}
	}
	if text := "ana and localhost and proxy.example:3128, dbuser"; Redact(text) != text {
		t.Errorf("%s became %s", text, Redact(text))
	}
}

// However the writes cut it, nothing comes out that would not come out at once.
func TestWriterCutAnywhere(t *testing.T) {
	s := setOf(key, password, "abababababXY")
	for _, text := range []string{
		"bad: " + key + ", and " + strconv.Quote(password) + "\nnext", key + key[:7], key[:9], "x" + key[:7], "ababababababababXY.", key[:5] + key + "\n",
	} {
		want := s.redact(text)
		for i := range len(text) + 1 {
			for j := i; j <= len(text); j++ {
				var b strings.Builder
				w := &Writer{next: &b, set: s}
				for _, piece := range []string{text[:i], text[i:j], text[j:]} {
					if n, err := io.WriteString(w, piece); n != len(piece) || err != nil {
						t.Fatal(n, err)
					}
				}
				if err := w.Flush(); err != nil || b.String() != want {
					t.Fatalf("%q | %q | %q: got %q, want %q", text[:i], text[i:j], text[j:], b.String(), want)
				}
			}
		}
	}
}

// A line that holds no beginning is out at once.
func TestWriterDoesNotHoldLines(t *testing.T) {
	var b strings.Builder
	w := &Writer{next: &b, set: setOf(key)}
	fmt.Fprint(w, "the question: ")
	if b.String() != "the question: " {
		t.Errorf("%q", b.String())
	}
}

func TestManyAddAtOnce(t *testing.T) {
	s := &set{}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			secret := fmt.Sprintf("secret number %d.", i%25)
			s.add(secret)
			if s.redact(secret) != Mark {
				t.Errorf("%s is not taken out", secret)
			}
		})
	}
	group.Wait()
}

func BenchmarkWriter(b *testing.B) {
	s := setOf(key, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3MDAwMDAwMDB9.0123456789abcdefghijklmnopqrstuvwxyz", password)
	line := []byte(strings.Repeat(`{"id":"0cdb38de","created_by":"ana","created_at":"2026-11-22T09:14:58Z"},`, 100) + "\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_, _ = (&Writer{next: io.Discard, set: s}).Write(line)
	}
}
