//go:build !darwin

package atomicfile

import "os"

// syncContent makes what was written to f durable no later than a rename that follows.
func syncContent(f *os.File) error { return f.Sync() }
