package reading

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// maxForm bounds the form of who signs in, in bytes.
const maxForm = 64 << 10

var (
	// ErrElsewhere says that a page of somebody else sent a form.
	ErrElsewhere = errors.New("the form was sent by a page from elsewhere")
	// ErrForm says that a form cannot be read.
	ErrForm = errors.New("the form cannot be read")
)

// Desk is where people sign in, and are known by the cookie that they got.
type Desk struct {
	Bearers *signin.Bearers
	HTTPS   func(*http.Request) bool // it came by TLS
	// Check gives the user of a name or an email, and a password.
	Check func(r *http.Request, name, password string) (store.User, error)
	// Greet takes note of who has signed in.
	Greet func(*http.Request, store.User, store.Session)

	origins http.CrossOriginProtection
}

// cookie is the name of the one that has a session. Browsers send cookies to all ports of a host, so each server has its own.
func (d *Desk) cookie() string { return "engram-sync-session-" + d.Bearers.Mark() }

// Who finds out who sent a request, in which session. The error is signin.ErrRefused, or one of the store.
func (d *Desk) Who(r *http.Request) (u store.User, in store.Session, err error) {
	err = signin.ErrRefused
	for _, c := range r.CookiesNamed(d.cookie()) { // of another path, too
		if u, in, err = d.Bearers.Holder(r.Context(), c.Value, signin.SessionToken); !errors.Is(err, signin.ErrRefused) {
			break
		}
	}
	return u, in, err
}

// Ours lets forms through that a page of ours has sent.
func (d *Desk) Ours(next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := d.origins.Check(r); err != nil {
			return ErrElsewhere
		}
		return next(w, r)
	}
}

// SignIn takes the form of a name and a password, and leads to the page that was asked for.
func (d *Desk) SignIn(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return ErrForm
	}
	u, err := d.Check(r, strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("password"))
	if err != nil {
		return err
	}
	in := d.Bearers.Begin(signin.SessionToken)
	d.Greet(r, u, in)
	token, err := d.Bearers.Issue(u, signin.SessionToken, in)
	if err != nil {
		return err
	}
	d.setCookie(w, r, token, int(signin.SessionLifetime.Seconds()))
	lead(w, wayTo(r.PostForm.Get("to")))
	return nil
}

// Begin leads to the first page who asks for a form by its address.
func (d *Desk) Begin(w http.ResponseWriter, _ *http.Request) error {
	lead(w, "./")
	return nil
}

// SignOut has the browser forget who it is.
func (d *Desk) SignOut(w http.ResponseWriter, r *http.Request) error {
	d.setCookie(w, r, "", -1)
	return d.Begin(w, r)
}

// setCookie sets a cookie without a path: a browser takes that of the request then, and only it knows which is in front of us.
func (d *Desk) setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: d.cookie(), Value: value, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: d.HTTPS(r)})
}

// lead leads to another page. http.Redirect would make the way begin at the root of a host.
func lead(w http.ResponseWriter, way string) {
	w.Header().Set("Location", way)
	w.WriteHeader(http.StatusSeeOther)
}

// wayTo is the way to a page beside the others in words of our own, and to the first one if it is none.
func wayTo(page string) string {
	path, query, _ := strings.Cut(page, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !slices.Contains([]string{"", "search", "chunk", "memory"}, path) {
		return "./"
	}
	if path = "./" + path; len(values) > 0 {
		path += "?" + values.Encode()
	}
	return path
}

// Ask answers who is not known with a form to sign in.
func (d *Desk) Ask(w http.ResponseWriter, r *http.Request) error {
	to, status := strings.TrimPrefix(r.URL.Path, "/"), http.StatusUnauthorized
	if to == "" {
		status = http.StatusOK // nothing was asked for
	}
	return pages.Door{Title: "Sign in", SignIn: true, To: to + "?" + r.URL.RawQuery}.Show(w, status)
}

// Again answers who could not sign in with the form once more.
func Again(w http.ResponseWriter, r *http.Request, status int, _ string) error {
	return pages.Door{Title: "Sign in", Wrong: wrong(status), SignIn: true, To: r.PostForm.Get("to")}.Show(w, status)
}

// Sorry answers with why there is no page.
func Sorry(w http.ResponseWriter, _ *http.Request, status int, _ string) error {
	return pages.Door{Title: "This page cannot be shown", Wrong: wrong(status)}.Show(w, status)
}

// wrong is the sentence for a status.
func wrong(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "It takes a name or an e-mail, and a password."
	case http.StatusUnauthorized:
		return "No account has this name and this password."
	case http.StatusForbidden:
		return "This came from a page that is not of this server, so it was not believed. Try again here."
	case http.StatusTooManyRequests:
		return "These were too many attempts. Try again in a minute."
	case http.StatusServiceUnavailable:
		return "The server is busy, or its database is away. Try again in a few seconds."
	}
	return "Something went wrong at the server. Its log says what."
}
