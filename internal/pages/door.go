package pages

import (
	"bytes"
	"net/http"
)

// Door is a page in front of the others: where somebody signs in, by a form that is sent to sign-in, or hears why nothing is shown.
type Door struct {
	Title  string
	Wrong  string // a sentence, "" for none
	SignIn bool
	To     string // the form's member to: where it leads
}

// Show answers with the page.
func (d Door) Show(w http.ResponseWriter, status int) error {
	var b bytes.Buffer
	if err := layouts()["door.html"].ExecuteTemplate(&b, "door.html", d); err != nil {
		return err
	}
	protect(w.Header())
	hasForm(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// hasForm is for pages with a form that is posted: where a browser sends no Sec-Fetch-Site, as over http, the policy of other pages
// makes it say that the form comes from nowhere.
func hasForm(h http.Header) { h.Set("Referrer-Policy", "same-origin") }
