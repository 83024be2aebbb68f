//go:build !linux || !amd64

package crash

import "errors"

// Supported says whether this machine can do it.
const Supported = false

// Main does nothing here.
func Main([]string) (code int, err error) { return 0, errors.ErrUnsupported }
