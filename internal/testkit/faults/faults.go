package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Fault is one thing that goes wrong.
type Fault struct {
	Name   string
	Class  Class
	Dial   syscall.Errno // strikes when a connection is made, which fails so
	Mute   bool          // strikes there too: it comes about, and nothing ever happens on it
	Reused bool          // strikes only where the connection was used before
	// Do happens instead of the server's answer, and says whether the connection goes on.
	Do func(x *Exchange) bool
}

func (f *Fault) atDial() bool { return f.Dial != 0 || f.Mute }

// All is the table. It is made when it is first asked for: some answers are large, and programs that stories run are this test's own.
var All = sync.OnceValue(func() []Fault { return concat(connections(), answers(), bodies(), statuses()) })

func concat(tables ...[]Fault) (all []Fault) {
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

// The connection does not come about, or breaks.
func connections() []Fault {
	return []Fault{
		{Name: "connection refused", Class: Down, Dial: syscall.ECONNREFUSED},
		{Name: "no route to the host", Class: Down, Dial: syscall.EHOSTUNREACH},
		{Name: "connection stands still at once", Class: Dead, Mute: true},
		{Name: "reset before anything is read", Class: Lost, Do: func(x *Exchange) bool { return x.reset() }},
		{Name: "reset in the body", Class: Lost, Do: func(x *Exchange) bool { x.beginning(20); return x.reset() }},
		{Name: "closed in the body", Class: Lost, Do: func(x *Exchange) bool { x.beginning(20); return false }},
		{Name: "stalls in the body", Class: Silent, Do: func(x *Exchange) bool { x.beginning(20); return x.stall() }},
		{Name: "closed without an answer", Class: Lost, Do: func(x *Exchange) bool { x.drain(); return false }},
		{Name: "stalls without an answer", Class: Silent, Do: func(x *Exchange) bool { x.drain(); return x.stall() }},
		{Name: "kept connection closed", Class: Kept, Reused: true, Do: func(x *Exchange) bool { return x.reset() }},
		{Name: "applied, then reset", Class: Cut, Do: func(x *Exchange) bool { x.Answer(); return x.reset() }},
		{Name: "applied, then closed", Class: Cut, Do: func(x *Exchange) bool { x.Answer(); return false }},
		{Name: "applied, then stalls", Class: Halting, Do: func(x *Exchange) bool { x.Answer(); return x.stall() }},
		{Name: "reset in the status line", Class: Cut, Do: func(x *Exchange) bool { x.Answer(); x.say("HTTP/1."); return x.lose() }},
		{Name: "reset after the status line", Class: Cut, Do: func(x *Exchange) bool { x.Answer(); x.say("HTTP/1.1 200 OK\r\n"); return x.lose() }},
		{Name: "stalls after the status line", Class: Halting, Do: func(x *Exchange) bool { x.Answer(); x.say("HTTP/1.1 200 OK\r\n"); return x.stall() }},
		{Name: "reset in the answer", Class: Cut, Do: func(x *Exchange) bool { a := x.Answer(); x.say(a.head() + a.half()); return x.lose() }},
		{Name: "closed in the answer", Class: Cut, Do: func(x *Exchange) bool { a := x.Answer(); x.say(a.head() + a.half()); return false }},
		{Name: "stalls in the answer", Class: Halting, Do: func(x *Exchange) bool { a := x.Answer(); x.say(a.head() + a.half()); return x.stall() }},
		{Name: "closed after the answer", Class: Harmless, Do: func(x *Exchange) bool { x.Answer().write(x); return false }},
		{Name: "answer of a byte a second", Class: Harmless, Do: drip},
	}
}

// The answer is not HTTP, or not quite.
func answers() []Fault {
	return []Fault{
		{Name: "Content-Length too short", Class: Short, Do: sized(-3)},
		{Name: "Content-Length too long", Class: Cut, Do: sized(3)},
		{Name: "Content-Length twice", Class: Cut, Do: headers("Content-Length: 1")},
		{Name: "Content-Length negative", Class: Cut, Do: start("Content-Length: -1")},
		{Name: "no length, then closed", Class: Harmless, Do: start("")},
		{Name: "chunks without an end", Class: Cut, Do: chunked("%x\r\n%s\r\n")},
		{Name: "chunks with a bad size", Class: Cut, Do: chunked("%x\r\n%sZZ\r\n")},
		{Name: "chunks shorter than said", Class: Cut, Do: chunked("1%x\r\n%s")},
		{Name: "unknown transfer coding", Class: Cut, Do: start("Transfer-Encoding: wat")},
		{Name: "bytes of TLS", Class: Foreign, Do: garbage("\x15\x03\x01\x00\x02\x02\x28")},
		{Name: "the greeting of SSH", Class: Foreign, Do: garbage("SSH-2.0-OpenSSH_9.2p1\r\n")},
		{Name: "zeroes", Class: Foreign, Do: garbage(strings.Repeat("\x00", 4096))},
		{Name: "HTTP 0.9", Class: ForeignLate, Do: func(x *Exchange) bool { x.say(string(x.Answer().Body)); return false }},
		{Name: "HTTP 1.0", Class: Harmless, Do: func(x *Exchange) bool {
			a := x.Answer()
			x.say(strings.Replace(a.head(), "HTTP/1.1", "HTTP/1.0", 1) + string(a.Body))
			return false
		}},
		{Name: "HTTP 3.7", Class: Harmless, Do: func(x *Exchange) bool {
			a := x.Answer()
			x.say(strings.Replace(a.head(), "HTTP/1.1", "HTTP/3.7", 1) + string(a.Body))
			return false
		}},
		{Name: "status that is no number", Class: ForeignLate, Do: func(x *Exchange) bool { x.Answer(); x.say("HTTP/1.1 OK fine\r\n\r\n"); return false }},
		{Name: "status 999", Class: Failed, Do: func(x *Exchange) bool { x.drain(); return x.say(message(999, "", "")) }},
		{Name: "header without a colon", Class: Cut, Do: headers("Content-Type application/json")},
		{Name: "header with control characters", Class: Cut, Do: headers("X-Odd: \x1b[31mred\x07")},
		{Name: "header of 2 MB", Class: Cut, Do: headers("X-Large: " + strings.Repeat("x", 2<<20))},
		{Name: "10,000 headers", Class: Harmless, Do: headers(strings.TrimSuffix(strings.Repeat("X-Many: yes\r\n", 10_000), "\r\n"))},
		{Name: "early hints before the answer", Class: Harmless, Do: func(x *Exchange) bool { x.say(strings.Repeat(hint, 3)); return x.Answer().write(x) }},
		{Name: "early hints without end", Class: Cut, Do: func(x *Exchange) bool {
			x.Answer()
			for x.say(strings.Repeat(hint, 1000)) {
			}
			return false
		}},
		{Name: "the answer twice", Class: Twice, Do: func(x *Exchange) bool { a := x.Answer(); a.write(x); return a.write(x) }},
		{Name: "answer before the request was read", Class: TooLarge, Do: func(x *Exchange) bool { x.say(page(413, "413 Request Entity Too Large")); return false }},
		{Name: "unasked upgrade", Class: OddYes, Do: garbage("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")},
	}
}

const hint = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

// The answer is HTTP, and its content not what was asked for.
func bodies() []Fault {
	return []Fault{
		{Name: "200 with a portal's page", Class: Foreign, Do: instead(page(200, "Welcome to the hotel"))},
		{Name: "200 with nothing", Class: Misplaced, Do: instead(message(200, "application/json", ""))},
		{Name: "200 with other JSON", Class: Misplaced, Do: instead(message(200, "application/json", `{"hello":"world"}`))},
		{Name: "200 with null", Class: Misplaced, Do: instead(message(200, "application/json", "null"))},
		{Name: "200 with a list", Class: Misplaced, Do: instead(message(200, "application/json", "[]"))},
		{Name: "200 with an error", Class: Misplaced, Do: instead(message(200, "application/json", `{"error":"no"}`))},
		{Name: "applied, then a portal's page", Class: ForeignLate, Do: after(page(200, "Welcome to the hotel"))},
		{Name: "applied, then nothing", Class: Replaced, Do: after(message(200, "application/json", ""))},
		{Name: "applied, then 204", Class: ForeignLate, Do: after("HTTP/1.1 204 No Content\r\n\r\n")},
		{Name: "truncated JSON", Class: Short, Do: changed(func(a *Answer) { a.Body = a.Body[:len(a.Body)/2] })},
		{Name: "JSON with a byte order mark", Class: Garbled, Do: changed(func(a *Answer) { a.Body = append([]byte("\ufeff"), a.Body...) })},
		{Name: "JSON with more behind it", Class: Garbled, Do: changed(func(a *Answer) { a.Body = append(a.Body, `{"more":1}`...) })},
		{Name: "a bit of a chunk is flipped", Class: Flipped, Do: flipped},
		{Name: "said to be gzip", Class: Harmless, Do: changed(func(a *Answer) { a.Header.Set("Content-Encoding", "gzip") })},
		{Name: "is gzip unasked", Class: Garbled, Do: changed(func(a *Answer) { a.Header.Set("Content-Encoding", "gzip"); a.Body = zipped(a.Body) })},
		{Name: "said to be plain text", Class: Untyped, Do: changed(func(a *Answer) { a.Header.Set("Content-Type", "text/plain") })},
		{Name: "without a type", Class: Untyped, Do: changed(func(a *Answer) { a.Header["Content-Type"] = nil })},
		{Name: "clock of 1970", Class: Harmless, Do: changed(func(a *Answer) { a.Header.Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT") })},
		{Name: "clock of 2099", Class: Harmless, Do: changed(func(a *Answer) { a.Header.Set("Date", "Thu, 31 Dec 2099 23:59:59 GMT") })},
		{Name: "answer to another question", Class: Misplaced, Do: func(x *Exchange) bool { return x.other(otherTarget(x.Request)).write(x) }},
		{Name: "200 with a list of all chunks", Class: Listing, Do: func(x *Exchange) bool { return x.other("/sync/pull?project=repo").write(x) }},
	}
}

// The answer says no, or something else than yes.
func statuses() []Fault {
	return concat(
		plain(OddYes, 201, 202, 203, 205, 206, 226),
		[]Fault{{Name: "204", Class: OddYes, Do: instead("HTTP/1.1 204 No Content\r\n\r\n")}, {Name: "304", Class: Elsewhere, Do: instead("HTTP/1.1 304 Not Modified\r\n\r\n")}},
		plain(Elsewhere, 300, 305),
		plain(ProxyAuth, 407),
		plain(Refused, 400, 402, 403, 406, 409, 410, 411, 412, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 431, 451, 501, 505),
		plain(Missing, 404, 405),
		plain(TooLarge, 413),
		plain(Slow, 408),
		plain(Failed, 500, 506, 507, 508, 510, 511, 530, 599),
		plain(Gateway, 502, 503, 520),
		plain(Lost, 504, 522, 524),
		[]Fault{
			{Name: "301 to itself", Class: Itself, Do: moved(301, "")},
			{Name: "302 to the same host", Class: Astray, Do: moved(302, "/elsewhere")},
			{Name: "307 to itself", Class: Itself, Do: moved(307, "")},
			{Name: "308 to another host", Class: Elsewhere, Do: moved(308, "http://stranger.example.com/sync")},
			{Name: "302 to a portal", Class: Elsewhere, Do: moved(302, "http://portal.example.com/login")},
			{Name: "307 to https", Class: Elsewhere, Do: moved(307, "https://127.0.0.1/sync")},
			{Name: "302 to nowhere", Class: Elsewhere, Do: instead(message(302, "", ""))},
			{Name: "302 to a script", Class: Elsewhere, Do: moved(302, "javascript:alert(1)")},

			{Name: "400 of the server", Class: Refused, Do: no(400, "invalid request")},
			{Name: "400 of the server, body lost", Class: BodyLost, Do: no(400, "failed to read body: unexpected EOF")},
			{Name: "401 of the server", Class: Contradicted, Do: no(401, "invalid credentials")},
			{Name: "401 of a proxy", Class: Denied, Do: instead(page(401, "401 Authorization Required", `WWW-Authenticate: Basic realm="x"`))},
			{Name: "403 of the server", Class: Refused, Do: no(403, "forbidden")},
			{Name: "404 of the server", Class: Missing, Do: no(404, "not found")},
			{Name: "405 of the server", Class: Missing, Do: no(405, "method not allowed")},
			{Name: "409 of the server", Class: Refused, Do: no(409, "conflict")},
			{Name: "413 of the server", Class: TooLarge, Do: no(413, "request body too large")},
			{Name: "422 of the server", Class: Refused, Do: no(422, "unprocessable")},
			{Name: "500 of the server", Class: Failed, Do: no(500, "internal error")},
			{Name: "501 of the server", Class: Refused, Do: no(501, "not implemented")},
			{Name: "503 of the server", Class: Busy, Do: no(503, "shutting down")},
			{Name: "507 of the server", Class: Full, Do: no(507, "disk full")},

			{Name: "429", Class: Busy, Do: no(429, "rate limit exceeded")},
			{Name: "429 for 3 seconds", Class: Busy, Do: no(429, "rate limit exceeded", "Retry-After: 3")},
			{Name: "429 for an hour", Class: Later, Do: no(429, "rate limit exceeded", "Retry-After: 3600")},
			{Name: "429 until a date", Class: Busy, Do: func(x *Exchange) bool {
				return no(429, "rate limit exceeded", "Retry-After: "+time.Now().Add(5*time.Second).UTC().Format(http.TimeFormat))(x)
			}},
			{Name: "429 until the past", Class: Busy, Do: no(429, "rate limit exceeded", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")},
			{Name: "429 for ever", Class: Later, Do: no(429, "rate limit exceeded", "Retry-After: 99999999999999999999")},
			{Name: "429 with a word", Class: Busy, Do: no(429, "rate limit exceeded", "Retry-After: soon")},
			{Name: "429 with a negative time", Class: Busy, Do: no(429, "rate limit exceeded", "Retry-After: -5")},
			{Name: "429 of a proxy", Class: Busy, Do: instead(page(429, "429 Too Many Requests"))},
			{Name: "503 for 3 seconds", Class: Busy, Do: instead(page(503, "503 Service Unavailable", "Retry-After: 3"))},
			{Name: "503 for an hour", Class: LaterSent, Do: instead(page(503, "503 Service Unavailable", "Retry-After: 3600"))},

			{Name: "applied, then 500", Class: FailedLate, Do: after(page(500, "500 Internal Server Error"))},
			{Name: "applied, then 502", Class: Cut, Do: after(page(502, "502 Bad Gateway"))},
			{Name: "applied, then 503", Class: Cut, Do: after(page(503, "503 Service Unavailable"))},
			{Name: "applied, then 504", Class: Cut, Do: after(page(504, "504 Gateway Time-out"))},
			{Name: "applied, then 408", Class: Cut, Do: after(page(408, "408 Request Time-out"))},
			{Name: "applied, then 400 of a proxy", Class: Refused, Do: after(page(400, "400 Bad Request"))},
			{Name: "applied, then 500 of the server", Class: FailedLate, Do: func(x *Exchange) bool { x.Answer(); return no(500, "internal error")(x) }},
			{Name: "502 with nothing", Class: Gateway, Do: instead(message(502, "", ""))},
			{Name: "502 that is long", Class: Gateway, Do: instead(message(502, "text/html", strings.Repeat("<p>sorry</p>\n", 100_000)))},
			{Name: "500 with an escape sequence", Class: Failed, Do: no(500, "\\u001b[2Jgone\\u0007")},
			{Name: "500 that repeats the token", Class: Failed, Do: func(x *Exchange) bool { return no(500, "bad header "+x.Request.Header.Get("Authorization"))(x) }},
		},
	)
}

// plain are statuses with the page that a proxy shows for them.
func plain(class Class, codes ...int) (all []Fault) {
	for _, code := range codes {
		all = append(all, Fault{Name: fmt.Sprint(code), Class: class, Do: instead(page(code, fmt.Sprintf("%d %s", code, http.StatusText(code))))})
	}
	return all
}

func (x *Exchange) reset() bool { x.conn.reset(); return false }

// lose resets when the client has what was said.
func (x *Exchange) lose() bool { x.conn.emptied(); return x.reset() }

func (x *Exchange) stall() bool { x.conn.gone(); return false }

func (a *Answer) half() string { return string(a.Body[:len(a.Body)/2]) }

// instead answers in the server's place, which never sees the request.
func instead(text string) func(*Exchange) bool {
	return func(x *Exchange) bool { x.drain(); return x.say(text) }
}

// after lets the server do what it was asked, and answers something else.
func after(text string) func(*Exchange) bool {
	return func(x *Exchange) bool { x.Answer(); return x.say(text) }
}

// no is a refusal in the server's own form.
func no(status int, why string, headers ...string) func(*Exchange) bool {
	return instead(message(status, "application/json", `{"error":"`+why+`"}`+"\n", headers...))
}

// moved is a redirect; to "" it leads to itself.
func moved(status int, to string) func(*Exchange) bool {
	return func(x *Exchange) bool {
		x.drain()
		target := to
		if target == "" {
			target = x.Request.URL.RequestURI()
		}
		return x.say(page(status, "Moved", "Location: "+target))
	}
}

// changed is the true answer with something done to it.
func changed(change func(*Answer)) func(*Exchange) bool {
	return func(x *Exchange) bool {
		a := x.Answer()
		change(a)
		return a.write(x)
	}
}

// flipped changes a bit of a chunk. Manifests and journals have no checksum that could show it.
func flipped(x *Exchange) bool {
	a := x.Answer()
	if strings.HasPrefix(x.Request.URL.Path, "/sync/pull/") {
		a.Body[len(a.Body)/2] ^= 1
	}
	return a.write(x)
}

// headers adds lines to the head of the true answer.
func headers(lines string) func(*Exchange) bool {
	return func(x *Exchange) bool {
		a := x.Answer()
		return x.say(strings.TrimSuffix(a.head(), "\r\n") + lines + "\r\n\r\n" + string(a.Body))
	}
}

// start is the true answer with another line about its length, and then the end.
func start(length string) func(*Exchange) bool {
	return func(x *Exchange) bool {
		a := x.Answer()
		x.say(a.start(length) + string(a.Body))
		return false
	}
}

// sized is the true answer with a wrong length, and then the end.
func sized(by int) func(*Exchange) bool {
	return func(x *Exchange) bool {
		a := x.Answer()
		x.say(a.start(fmt.Sprintf("Content-Length: %d", len(a.Body)+by)) + string(a.Body))
		return false
	}
}

// chunked is the true answer in one chunk of this form, and then the end.
func chunked(form string) func(*Exchange) bool {
	return func(x *Exchange) bool {
		a := x.Answer()
		x.say(a.start("Transfer-Encoding: chunked") + fmt.Sprintf(form, len(a.Body), a.Body))
		return false
	}
}

// garbage is what somebody says who speaks no HTTP.
func garbage(text string) func(*Exchange) bool {
	return func(x *Exchange) bool { x.drain(); x.say(text); return false }
}

// drip gives the answer a byte a second, the longest ones up to a minute.
func drip(x *Exchange) bool {
	a := x.Answer()
	if !x.say(a.head()) {
		return false
	}
	step := max(1, len(a.Body)/60)
	for rest := a.Body; len(rest) > 0; rest = rest[min(step, len(rest)):] {
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		if !x.say(string(rest[:min(step, len(rest))])) {
			return false
		}
	}
	return true
}

// otherTarget is something else that a client might have asked.
func otherTarget(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, "/sync/mutations/") {
		return "/sync/pull?project=repo"
	}
	return "/sync/mutations/pull?since_seq=0&limit=100"
}

func zipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // into memory
	_ = z.Close()
	return b.Bytes()
}
