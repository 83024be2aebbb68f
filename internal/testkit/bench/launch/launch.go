// Package launch starts a program and tells what that took. It stands on the standard library alone,
// and is a program of its own, scripts/bench/launch, because Linux counts to a process the memory that
// its parent had when it started it: the less the parent is, the less is told wrongly.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Usage is what a process took, from its start to its end.
type Usage struct {
	CPU, Wall time.Duration // CPU is that of user and system
	RSS       int64         // at its most, in bytes; 0 where the system does not tell
	Started   time.Time
	Exit      int

	Stdout, Stderr string
}

// Main is the program, whose arguments are REPORT PROGRAM ARG...: it runs the program and writes its
// Usage to the file REPORT. Once control ends, its own stdin, it ends the program.
func Main(ctx context.Context, args []string, control io.Reader, stdout, stderr io.Writer) error {
	if len(args) < 2 {
		return errors.New("usage: launch REPORT PROGRAM [ARG...]")
	}
	cmd := exec.CommandContext(ctx, args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", args[1], err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, control) // however it ends, there is nobody to run for any more
		terminate(cmd.Process)
	}()
	err := cmd.Wait()
	if cmd.ProcessState == nil {
		return fmt.Errorf("run %s: %w", args[1], err)
	}
	state := cmd.ProcessState
	report, err := json.Marshal(Usage{
		CPU: state.UserTime() + state.SystemTime(), Wall: time.Since(started), RSS: peak(state), Started: started, Exit: state.ExitCode(),
	})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(args[0], report, 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Read takes a report, which is gone then.
func Read(path string) (Usage, error) {
	var u Usage
	report, err := os.ReadFile(path)
	if err != nil {
		return u, fmt.Errorf("read what a process took: %w", err)
	}
	if err := json.Unmarshal(report, &u); err != nil {
		return u, fmt.Errorf("read what a process took: %w", err)
	}
	return u, os.Remove(path)
}
