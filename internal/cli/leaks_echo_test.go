//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

// echo is a server in front of an honest one: it repeats what it was sent in secret, in
// the answer to one request and, if that is a GET, to all that follow.
type echo struct {
	url    string
	honest http.Handler
	shape  func(said string, honest []byte) []byte
	at     int // which request

	mu     sync.Mutex
	heard  int
	minted []string // secrets in the honest answers
	conns  sync.WaitGroup
	open   []net.Conn
	closed bool
	ln     net.Listener
}

func newEcho(t *testing.T, honest http.Handler, at int, shape func(string, []byte) []byte) *echo {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{url: "http://" + ln.Addr().String(), honest: honest, shape: shape, at: at, ln: ln}
	e.conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			if e.open = append(e.open, conn); e.closed {
				_ = conn.Close()
			}
			e.mu.Unlock()
			e.conns.Go(func() { e.serve(conn) })
		}
	})
	return e
}

// close ends all connections, and returns when nothing goes on.
func (e *echo) close() {
	_ = e.ln.Close()
	e.mu.Lock()
	e.closed = true
	for _, conn := range e.open {
		_ = conn.Close()
	}
	e.mu.Unlock()
	e.conns.Wait()
}

func (e *echo) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if _, err := conn.Write(e.answer(req, body)); err != nil {
			return
		}
	}
}

func (e *echo) answer(req *http.Request, body []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard++
	req.Body, req.RemoteAddr = io.NopCloser(bytes.NewReader(body)), fmt.Sprintf("10.0.0.%d:1", e.heard%200)
	rec := httptest.NewRecorder()
	e.honest.ServeHTTP(rec, req)
	honest := rec.Body.Bytes()
	if strings.HasPrefix(req.URL.Path, "/auth/") {
		e.minted = append(e.minted, secretsIn(honest)...)
	}
	if e.heard == e.at || e.heard > e.at && req.Method == http.MethodGet {
		return e.shape(saidIn(req, body), honest)
	}
	return answered(fmt.Sprintf("%d OK", rec.Code), rec.Header().Get("Content-Type"), string(honest))
}

// saidIn is what a request holds that is secret.
func saidIn(req *http.Request, body []byte) string {
	said := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if strings.HasPrefix(req.URL.Path, "/auth/") {
		said = strings.Join(append(secretsIn(body), said), " ")
	}
	if _, password, ok := proxyLogin(req); ok {
		said += " " + password + " " + req.Header.Get("Proxy-Authorization")
	}
	return strings.TrimSpace(said)
}

// proxyLogin is what a proxy is sent.
func proxyLogin(req *http.Request) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}).BasicAuth()
}

func secretsIn(body []byte) (found []string) {
	var doc map[string]any
	_ = json.Unmarshal(body, &doc) // what is none holds none
	for _, name := range []string{"password", "refresh_token", "access_token", "api_key"} {
		if text, ok := doc[name].(string); ok {
			found = append(found, text)
		}
	}
	return found
}

// answered is an answer as it goes over the wire; more are headers.
func answered(status, kind, body string, more ...string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", status, kind, len(body), strings.Join(append(more, ""), "\r\n"), body)
}

// shapes are the places in which a server can repeat a text.
func shapes() map[string]func(said string, honest []byte) []byte {
	const jsonKind = "application/json"
	failure := func(message string) string {
		return `{"error":` + jsonText(message) + `,"error_class":` + jsonText(message) + `,"error_code":` + jsonText(message) + `,"project":` + jsonText(message) + `}`
	}
	all := map[string]func(said string, honest []byte) []byte{
		"status line":            func(s string, _ []byte) []byte { return answered("401 no "+s, "text/plain", "no") },
		"status line of a 200":   func(s string, h []byte) []byte { return answered("200 "+s, jsonKind, string(h)) },
		"status":                 func(s string, _ []byte) []byte { return []byte("HTTP/1.1 " + s + "\r\n\r\n") },
		"protocol":               func(s string, _ []byte) []byte { return []byte("HTTP/" + s + " 200 OK\r\n\r\n") },
		"no HTTP":                func(s string, _ []byte) []byte { return []byte(s + "\r\n\r\n" + s) },
		"HTTP/1.0":               func(s string, _ []byte) []byte { return []byte("HTTP/1.0 500 " + s + "\r\nX: " + s + "\r\n\r\n" + s) },
		"header without a colon": func(s string, _ []byte) []byte { return []byte("HTTP/1.1 200 OK\r\n" + s + "\r\n\r\n") },
		"header name":            func(s string, h []byte) []byte { return answered("200 OK", jsonKind, string(h), s+": x", s+" : y") },
		"folded header":          func(s string, h []byte) []byte { return answered("200 OK", jsonKind, string(h), "X: a", " "+s, "\t"+s) },
		"length":                 func(s string, _ []byte) []byte { return []byte("HTTP/1.1 200 OK\r\nContent-Length: " + s + "\r\n\r\n") },
		"two lengths": func(s string, _ []byte) []byte {
			return []byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + s + "\r\n\r\nx")
		},
		"transfer encoding": func(s string, _ []byte) []byte {
			return []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + s + "\r\n\r\n")
		},
		"content encoding": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, string(h), "Content-Encoding: "+s)
		},
		"content type": func(s string, h []byte) []byte { return answered("200 OK", s+"; x="+s, string(h)) },
		"chunk size": func(s string, _ []byte) []byte {
			return []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + s + "\r\n")
		},
		"chunk extension":   func(s string, h []byte) []byte { return chunked(h, ";"+s, "") },
		"trailer":           func(s string, h []byte) []byte { return chunked(h, "", "X: "+s+"\r\n") },
		"malformed trailer": func(s string, h []byte) []byte { return chunked(h, "", s+"\r\n") },
		"trailer of a refusal": func(s string, _ []byte) []byte {
			return bytes.Replace(chunked([]byte(failure(s)), "", s+": "+s+"\r\n"), []byte("200 OK"), []byte("403 "+s), 1)
		},
		"behind the answer": func(s string, h []byte) []byte {
			return append(answered("200 OK", jsonKind, string(h)), "HTTP/1.1 "+s...)
		},
		"behind a refusal": func(s string, _ []byte) []byte {
			return append(answered("404 Not Found", "text/plain", "404 page not found"), s+"\r\n"...)
		},
		"informational": func(s string, h []byte) []byte {
			return append([]byte("HTTP/1.1 103 "+s+"\r\nLink: "+s+"\r\n\r\n"), answered("200 OK", jsonKind, string(h))...)
		},
		"malformed informational": func(s string, _ []byte) []byte { return []byte("HTTP/1.1 100 Continue\r\n" + s + "\r\n\r\n") },
		"other protocol": func(s string, _ []byte) []byte {
			return []byte("HTTP/1.1 101 " + s + "\r\nUpgrade: " + s + "\r\nConnection: upgrade\r\n\r\n" + s)
		},
		"cut": func(s string, _ []byte) []byte { return answered("200 OK", jsonKind, `{"error":"`+s)[:70] },
		"HTML": func(s string, _ []byte) []byte {
			return answered("502 Bad Gateway", "text/html", "<html><title>"+s+"</title>"+s)
		},
		"HTML entities": func(s string, _ []byte) []byte {
			return answered("200 OK", "text/html", "<title>"+html.EscapeString(s)+regexp.MustCompile(".").ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf("&#%d;", c[0]) })+"</title>")
		},
		"gzip": func(s string, _ []byte) []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = io.WriteString(z, failure(s)) // to memory
			_ = z.Close()
			return answered("400 Bad Request", jsonKind, b.String(), "Content-Encoding: gzip")
		},
		"UTF-16": func(s string, _ []byte) []byte {
			var b bytes.Buffer
			for _, unit := range utf16.Encode([]rune(s)) {
				b.Write([]byte{byte(unit), byte(unit >> 8)})
			}
			return answered("400 Bad Request", "text/plain; charset=utf-16le", b.String())
		},
		"JSON escapes": func(s string, _ []byte) []byte {
			return answered("400 Bad Request", jsonKind, `{"error":"`+regexp.MustCompile(".").ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf(`\u%04x`, c[0]) })+`"}`)
		},
		"escaped text": func(s string, _ []byte) []byte {
			return answered("400 Bad Request", "text/plain", url.QueryEscape(s)+" "+url.PathEscape(s)+" "+fmt.Sprintf("%q", s)+" "+jsonText(jsonText(s)))
		},
		"control characters": func(s string, _ []byte) []byte {
			return answered("400 Bad Request", "text/plain", strings.Join(strings.Split(s, ""), "\x00\u200b"))
		},
		"every string": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, everywhere(h, s, regexp.MustCompile(`"[^"]*"( *:)?`)))
		},
		"every name": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, everywhere(h, s, regexp.MustCompile(`"[^"]*" *:`)))
		},
		"every value": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, everywhere(h, s, regexp.MustCompile(`(?:[:,\[] *)"[^"]*"`)))
		},
		"every number": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, regexp.MustCompile(`:\d+`).ReplaceAllLiteralString(string(h), ":"+jsonText(s)))
		},
		"behind the JSON":  func(s string, h []byte) []byte { return answered("200 OK", jsonKind, strings.TrimSpace(string(h))+s) },
		"in place of JSON": func(s string, _ []byte) []byte { return answered("200 OK", jsonKind, s) },
		"a JSON string":    func(s string, _ []byte) []byte { return answered("200 OK", jsonKind, jsonText(s)) },
		"a bad member": func(s string, h []byte) []byte {
			return answered("200 OK", jsonKind, strings.Replace(string(h), "{", "{"+jsonText(s)+":"+s+",", 1))
		},
		"what PostgreSQL says": func(s string, _ []byte) []byte {
			return answered("500 Internal Server Error", jsonKind, failure(`write chunk: pq: invalid input "`+s+`" (SQLSTATE 22P02)`))
		},
		"a paused project": func(s string, _ []byte) []byte {
			return answered("409 Conflict", jsonKind, failure(`sync is paused for project "`+s+`"`))
		},
		"a list of rows": func(s string, _ []byte) []byte {
			return answered("400 Bad Request", jsonKind, `{"error":`+jsonText(s)+`,"error_class":"x","error_code":`+jsonText(s)+`,"reason_code":`+jsonText(s)+`,"invalid":[{"index":0,"field":`+jsonText(s)+`}]}`)
		},
		"a limit": func(s string, _ []byte) []byte {
			return answered("413 Too Large", jsonKind, failure("request body too large (max "+s+" bytes)"))
		},
		"both ways at once": func(s string, _ []byte) []byte {
			return answered("401 "+s, "text/plain", s, "WWW-Authenticate: "+s, "X-Request-Id: "+s, "Server: "+s, "Date: "+s, "Set-Cookie: a="+s, "Connection: "+s)
		},
	}
	for _, status := range []int{400, 401, 403, 404, 408, 409, 411, 413, 415, 422, 429, 500, 501, 503, 507} {
		line := fmt.Sprintf("%d %s", status, http.StatusText(status))
		all[fmt.Sprintf("JSON of a %d", status)] = func(s string, _ []byte) []byte { return answered(line, jsonKind, failure("no: "+s), "Retry-After: "+s) }
		all[fmt.Sprintf("text of a %d", status)] = func(s string, _ []byte) []byte { return answered(line, "text/plain", s) }
	}
	for name, location := range map[string]func(string) string{
		"path": func(s string) string { return "/" + s }, "escaped path": func(s string) string { return "/" + url.PathEscape(s) },
		"host": func(s string) string { return "https://" + s + ".example/" }, "user": func(s string) string { return "https://u:" + s + "@evil.example/" },
		"query": func(s string) string { return "/sync/pull?" + s }, "fragment": func(s string) string { return "https://evil.example/#" + s },
		"scheme": func(s string) string { return s + "://x" }, "port": func(s string) string { return "http://127.0.0.1:" + s + "/" }, "bad escape": func(s string) string { return "/%zz" + s },
		"each character": func(s string) string {
			return "https://evil.example/" + regexp.MustCompile(".").ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf("%%%02x", c[0]) })
		},
	} {
		for _, status := range []string{"302 Found", "308 Permanent Redirect"} {
			all["location, "+name+", "+status] = func(s string, _ []byte) []byte { return answered(status, "text/plain", s, "Location: "+location(s)) }
		}
	}
	return all
}

func jsonText(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(out)
}

// everywhere puts a text beside each string of a document that what finds.
func everywhere(doc []byte, text string, what *regexp.Regexp) string {
	inside := strings.Trim(jsonText(text), `"`)
	return what.ReplaceAllStringFunc(string(doc), func(found string) string {
		end := strings.LastIndexByte(found, '"')
		return found[:end] + inside + found[end:]
	})
}

func chunked(body []byte, extension, trailer string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n%x%s\r\n%s\r\n0\r\n%s\r\n",
		len(body), extension, body, trailer)
}
