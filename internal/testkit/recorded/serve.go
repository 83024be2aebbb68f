package recorded

import (
	"net/http"
	"strconv"
)

// Serve gives the recorded answer to a client: status, the headers that it was
// compared by, and the body with values in the place of names. A body of which
// only a summary was kept is none to give.
func (r Response) Serve(w http.ResponseWriter, values Values) {
	for name, value := range r.Headers {
		if name != "Content-Length" && name != "Transfer-Encoding" {
			w.Header().Set(name, value)
		}
	}
	body := values.fill(string(r.Body))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.Status)
	_, _ = w.Write([]byte(body)) // who has gone reads no answer
}
