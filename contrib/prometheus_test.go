package contrib

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

// TestPrometheusTakesTheRules lets Prometheus read the rules and what a server serves to it.
func TestPrometheusTakesTheRules(t *testing.T) {
	rules := files(t, "prometheus", "*.rules.yml")[0]
	promtool(t, "", "check", "rules", "--lint-fatal", rules)

	srv, err := server.Open(t.Context(), server.Options{Dir: t.TempDir(), Metrics: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	srv.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", http.NoBody))
	w := httptest.NewRecorder()
	srv.Metrics().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	served := w.Body.String()
	promtool(t, served, "check", "metrics")
	for _, name := range regexp.MustCompile(`\b(engram_sync|process)_\w+`).FindAllString(read(t, rules), -1) {
		if !strings.Contains(served, "\n"+name) {
			t.Errorf("a rule is about %s, which no server serves", name)
		}
	}
	for _, label := range []string{`route="GET /ready"`, `code="200"`, `reason="unavailable"`, `reason="full"`, `reason="credentials"`, `reason="rate"`} {
		if !strings.Contains(served, label) {
			t.Errorf("no metric has %s, which rules are about", label)
		}
	}
}

// TestAlerts lets Prometheus say which rules alert where a server is down, guessed at or fails, and that none does where it is well.
func TestAlerts(t *testing.T) {
	rules, err := filepath.Abs(files(t, "prometheus", "*.rules.yml")[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.yml")
	write(t, path, strings.ReplaceAll(alerts, "RULES", rules))
	promtool(t, "", "test", "rules", path)
}

const alerts = `
rule_files: ['RULES']
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {series: 'up{job="engram-sync"}', values: '1x20 0x20'}
      - {series: 'engram_sync_requests_total{route="POST /sync/push",code="500"}', values: '0x20 1+1x20'}
      - {series: 'engram_sync_requests_total{route="GET /ready",code="503"}', values: '0x40'}
      - {series: 'engram_sync_rejected_requests_total{reason="credentials"}', values: '0+1x20 100+60x20'}
    alert_rule_test:
      - {eval_time: 9m, alertname: EngramDown}
      - {eval_time: 9m, alertname: EngramFails}
      - {eval_time: 9m, alertname: EngramGuessing}
      - {eval_time: 9m, alertname: EngramNotReady}
      - eval_time: 19m
        alertname: EngramDown
        exp_alerts: [{exp_labels: {job: engram-sync}, exp_annotations: {summary: does not answer the scrape}}]
      - eval_time: 19m
        alertname: EngramFails
        exp_alerts: [{exp_labels: {route: POST /sync/push}, exp_annotations: {summary: 'answers POST /sync/push with 500; its log says why'}}]
      - eval_time: 19m
        alertname: EngramGuessing
        exp_alerts: [{exp_annotations: {summary: somebody may be trying passwords}}]
      - {eval_time: 19m, alertname: EngramNotReady}
`

// promtool runs what Prometheus checks its files with. The gate brings it; elsewhere it may be missing.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("ENGRAM_SYNC_TEST_PROMETHEUS") == "" {
		t.Skip("there is no promtool here")
	} else if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}
