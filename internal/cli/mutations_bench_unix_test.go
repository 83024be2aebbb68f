//go:build unix

package cli

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// generatedJournal serves a journal of n rows that it makes up as it goes.
func generatedJournal(n int) http.Handler {
	const begun = 1_780_000_000
	filler := strings.Repeat("a word ", 40)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sync/pull" { // asked what kind of server it is
			fmt.Fprint(w, `{"chunks":[],"version":1}`)
			return
		}
		since, _ := strconv.Atoi(r.FormValue("since_seq"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		last := min(since+limit, n)
		w.Header().Set("Content-Type", "application/json")
		out := bufio.NewWriter(w)
		defer func() { _ = out.Flush() }() // the client may be gone
		fmt.Fprint(out, `{"mutations":[`)
		for seq := since + 1; seq <= last; seq++ {
			if seq > since+1 {
				_ = out.WriteByte(',')
			}
			fmt.Fprintf(out, `{"seq":%d,"user_id":"u-1","entity":"observation","entity_key":"obs-%016x","op":"upsert",`+
				`"payload":{"sync_id":"obs-%016x","session_id":"s-%d","type":"note","title":"number %d","content":"%s","scope":"project"},`+
				`"occurred_at":"%s"}`, seq, seq, seq, seq/50, seq, filler, time.Unix(begun+int64(seq), 0).UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(out, `],"has_more":%t}`, last < n)
	})
}

// BenchmarkMutationsPull pulls journals into a file, with a process of its own.
// Its memory does not grow with the journal.
func BenchmarkMutationsPull(b *testing.B) {
	token := "x." + base64.RawURLEncoding.EncodeToString([]byte(`{"user_id":"u-1","username":"bench","exp":9999999999}`)) + ".x"
	for _, rows := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			server := httptest.NewServer(generatedJournal(rows))
			defer server.Close()
			for b.Loop() {
				home := b.TempDir()
				file := filepath.Join(home, "out.jsonl")
				cmd := exec.CommandContext(b.Context(), "engram-sync", "mutations", "pull", "--output", file, "--quiet")
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ENGRAM_SYNC_REMOTE=" + server.URL, "ENGRAM_SYNC_TOKEN=" + token}
				for key, value := range homeAt(home) {
					cmd.Env = append(cmd.Env, key+"="+value)
				}
				if text, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, text)
				}
				reportProcess(b, cmd.ProcessState, file)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// reportProcess reports what a process needed, and the size of what it wrote.
func reportProcess(b *testing.B, process *os.ProcessState, file string) {
	b.Helper()
	usage, ok := process.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("no usage of the process")
	}
	peak := float64(usage.Maxrss) / 1024 // in KB
	if runtime.GOOS == "darwin" {
		peak /= 1024 // in bytes
	}
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric((process.UserTime() + process.SystemTime()).Seconds(), "cpu-s")
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
}
