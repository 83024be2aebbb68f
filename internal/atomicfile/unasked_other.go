//go:build !linux

package atomicfile

// unasked is for Linux.
const unasked = 0
