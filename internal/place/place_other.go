//go:build !linux && !darwin && !windows

package place

// Free is how many bytes the user may still write where path lies.
func Free(string) (int64, error) { return 0, ErrUnknown }

// Writable says nothing here.
func Writable(string) error { return nil }
