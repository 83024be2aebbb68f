// Package place is what can be told of a directory without writing into it: whether one
// may, and how much space is left. Whoever explains a setup calls it.
package place

import "errors"

// ErrUnknown: this system does not tell.
var ErrUnknown = errors.New("this system does not tell")
