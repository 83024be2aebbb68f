package terminal

import "fmt"

// UsageError is a command line, or a setting, that can't be followed.
type UsageError struct {
	Command string // whose help explains it; "" if the text says all
	Err     error
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a usage error as fmt.Errorf makes one.
func Usagef(format string, args ...any) error { return &UsageError{Err: fmt.Errorf(format, args...)} }

// ExitStatus is the error of a command whose output has been printed already.
type ExitStatus struct {
	Code    int
	Message string // of the summary; "" if there is nothing to add
}

func (e *ExitStatus) Error() string { return e.Message }
