// Package panics lets a panic in any goroutine end the process as one in main does: in one
// line, through the writer that takes secrets out, with a code that says so. The runtime would
// print what it was about past everybody. Whoever starts a goroutine, or gives the standard
// library a function that one of its own calls, defers Guard in it.
package panics

import "sync/atomic"

var end atomic.Pointer[func(value any)]

// Handle says how the process ends. f must not return.
func Handle(f func(value any)) { end.Store(&f) }

// Guard is deferred at the top of a goroutine. Where nobody handles panics, as in
// tests, it lets them go on.
func Guard() {
	value := recover()
	if value == nil {
		return
	}
	if f := end.Load(); f != nil {
		(*f)(value)
	}
	panic(value)
}
