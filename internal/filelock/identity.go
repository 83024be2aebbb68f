package filelock

import "github.com/engram-sync/engram-sync/internal/sharing"

// IdentityAt is the Identity of what a path leads to.
func IdentityAt(path string) (string, error) {
	f, err := sharing.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only looked at
	return Identity(f)
}
