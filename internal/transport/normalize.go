package transport

// NormalizeURL gives the one form of a base URL, which credentials and saved
// state are keyed by. The error wraps ErrBadURL.
func NormalizeURL(text string) (string, error) {
	u, err := parseBaseURL(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Private says whether what goes to the server can't be overheard: over TLS, or
// within this machine.
func (t *RemoteTransport) Private() bool { return t.base.Scheme == "https" || isLoopback(t.base) }
