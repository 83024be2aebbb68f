package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// How a check can end. Each is a word for scripts.
const (
	good    = "ok"
	warning = "warn"
	failed  = "fail"
	skipped = "skipped"
)

// finding is what one check says. A check can have several.
type finding struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"`
	Message string `json:"message"`
	// Hint is what mends it, with the command; "" where there is nothing to mend.
	Hint string `json:"hint"`
	// Code is the exit code of a failure; 0 of all else.
	Code int `json:"code"`
}

// findings are those of one part. Whoever waits for them may give up and take what there
// is, so all of it is behind a lock.
type findings struct {
	mu        sync.Mutex
	list      []finding
	tokenFrom string // what gave the token in use
}

// maxMessage is more than any message of ours has, in characters.
const maxMessage = 500

func (f *findings) add(n finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n.Message = safetext.Line(n.Message, maxMessage) // strangers' words may stand in it
	f.list = append(f.list, n)
}

// have are those of now.
func (f *findings) have() []finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (f *findings) ok(check, format string, args ...any) {
	f.add(finding{Check: check, Verdict: good, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(check, hint, format string, args ...any) {
	f.add(finding{Check: check, Verdict: warning, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// fail takes code and next step from the table of errors; hint, unless it is "", says it
// better. What ended only because time was up has not failed.
func (f *findings) fail(check, hint string, err error) {
	if errors.Is(err, errSlow) {
		f.add(finding{Check: check, Verdict: skipped, Message: errSlow.Error(), Hint: slowly[check]})
		return
	}
	told := problem.Failure(err, f.tokenFrom)
	if hint == "" {
		hint = strings.ReplaceAll(told.Hint, problem.SeeDoctor, "")
	}
	f.add(finding{check, failed, told.Message, hint, told.Code})
}

// slowly is what takes the time that a check may need.
var slowly = map[string]string{
	"chunks": "run `engram-sync verify`", "import": "run `engram-sync verify`", "memories": "run `engram-sync export --dry-run`", "git": "run `git status`",
}

func (f *findings) skip(why string, checks ...string) {
	for _, check := range checks {
		f.add(finding{Check: check, Verdict: skipped, Message: why})
	}
}

// byWeight are the codes of failures, the worst first: what is damaged, what has to be set
// right, and then what may pass.
var byWeight = []int{problem.Damaged, problem.Usage, problem.Auth, problem.Refused, problem.Failed, problem.Partial}

// worst is the exit code of a run.
func worst(found []finding) int {
	codes := map[int]bool{}
	for _, n := range found {
		codes[n.Code] = true
	}
	for _, code := range byWeight {
		if codes[code] {
			return code
		}
	}
	for _, n := range found {
		if n.Code != problem.OK {
			return n.Code
		}
	}
	return problem.OK
}
