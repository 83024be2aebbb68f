// Package sqliteuri names SQLite database files as their driver wants them, for
// the two packages that open some.
package sqliteuri

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// Of is the URI of the database at an absolute path, with the options of SQLite
// and of the driver.
func Of(path string, options url.Values) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/...
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}
