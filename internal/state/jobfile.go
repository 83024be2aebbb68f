package state

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// JobFile is the file that remembers how far one source was pushed.
type JobFile struct{ path string }

// JobFiles gives the jobs of a group, which is the hash of how a source begins:
// there can be several, for sources that begin alike.
func (j *AccountState) JobFiles(group [32]byte) ([]JobFile, error) {
	entries, err := os.ReadDir(j.dir) // no pattern: the path is the user's, with brackets or without
	if err != nil {
		return nil, fmt.Errorf("look for earlier pushes: %w", err)
	}
	var jobs []JobFile
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, jobPrefix(group)) && strings.HasSuffix(name, ".json") {
			jobs = append(jobs, JobFile{j.Path(name)})
		}
	}
	return jobs, nil
}

// NewJobFile gives the place of another job. It is made by Write.
func (j *AccountState) NewJobFile(group [32]byte) JobFile {
	return JobFile{j.Path(jobPrefix(group) + rand.Text()[:8] + ".json")}
}

func jobPrefix(group [32]byte) string { return "push-" + hex.EncodeToString(group[:12]) + "-" }

// RejectsPath is where the rows go that cannot be pushed, unless the user wants
// them elsewhere.
func (p JobFile) RejectsPath() string { return p.path[:len(p.path)-len(".json")] + "-rejected.jsonl" }

// JobError says that what is remembered of a push cannot be used. Without
// it nobody knows what was sent, but for the journal.
type JobError struct {
	Path string
	Err  error
}

func (e *JobError) Error() string {
	return fmt.Sprintf("what was pushed before is not known any more: %s: %v (move that file away, and push with --reconcile)", e.Path, e.Err)
}

// Unwrap gives the reason.
func (e *JobError) Unwrap() error { return e.Err }

// Read reads the job, which must have this schema. Else it gives a *PushJobError.
func (p JobFile) Read(job any, schema int) error {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("read what was pushed before: %w", err)
	}
	if err = checkSchema(text, schema); err == nil {
		err = json.Unmarshal(text, job)
	}
	if err != nil {
		return &JobError{Path: p.path, Err: err}
	}
	return nil
}

// Write replaces the job. It is on disk when Write returns.
func (p JobFile) Write(job any) error {
	text, err := json.Marshal(job)
	if err == nil {
		err = atomicfile.Write(p.path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember what was pushed: %w", err)
	}
	return nil
}
