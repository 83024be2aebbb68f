//go:build !linux

package auth

// reachable: these systems have one keyring, which is always there.
func reachable(func(string) string) error { return nil }
