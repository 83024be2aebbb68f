// Package metrics counts what an account server does, for Prometheus. internal/server tells it, and
// serves what it has counted.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Metrics are those of one server. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	rejected *prometheus.CounterVec
	commits  prometheus.Histogram
}

// Buckets in seconds: a small request takes a millisecond, a chunk over a slow line minutes.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
	commitBuckets  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// New makes the metrics of a server that keeps what usage tells, which each scrape may ask for.
func New(usage func(context.Context) (store.Usage, error), log *slog.Logger) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "engram_sync_requests_total", Help: "Requests that were answered, by route and status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "engram_sync_request_seconds", Help: "Time from a request's header to the end of its answer.", Buckets: requestBuckets,
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "engram_sync_requests_in_flight", Help: "Requests that are being answered.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "engram_sync_rejected_requests_total", Help: "Requests that were refused for another reason than what they said.",
		}, []string{"reason"}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "engram_sync_commit_seconds", Help: "Time that the database takes to put changes on the disk.", Buckets: commitBuckets,
		}),
	}
	for _, reason := range reasons {
		m.rejected.WithLabelValues(reason) // so that none is missing before its first time
	}
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.rejected, m.commits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &usageCollector{usage: usage, log: log})
	return m
}

// Handler serves what was counted, in the format that the scraper asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Begin counts a request as in flight, until its end is told. route is the pattern that it matched.
// Metrics that are nil count nothing.
func (m *Metrics) Begin() (end func(route string, status int, took time.Duration)) {
	if m == nil {
		return func(string, int, time.Duration) {}
	}
	m.inFlight.Inc()
	return func(route string, status int, took time.Duration) {
		m.inFlight.Dec()
		m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		m.seconds.WithLabelValues(route).Observe(took.Seconds())
		if reason := reasons[status]; reason != "" {
			m.rejected.WithLabelValues(reason).Inc()
		}
	}
}

// Commit tells how long a commit took.
func (m *Metrics) Commit(took time.Duration) { m.commits.Observe(took.Seconds()) }

// reasons are why requests are refused, by the status that says so.
var reasons = map[int]string{
	http.StatusUnauthorized:          "credentials",
	http.StatusRequestTimeout:        "slow",
	http.StatusRequestEntityTooLarge: "too-large",
	http.StatusTooManyRequests:       "rate",
	http.StatusServiceUnavailable:    "unavailable",
	http.StatusInsufficientStorage:   "full",
}
