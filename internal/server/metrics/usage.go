package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// How long what a server keeps is not asked for again, since it is counted, and how long that may take.
const (
	usageAge     = 30 * time.Second
	usageTimeout = 10 * time.Second
)

// usageCollector gives a server's store.Usage as gauges. While it cannot be had, they are missing.
type usageCollector struct {
	usage func(context.Context) (store.Usage, error)
	log   *slog.Logger

	mu    sync.Mutex
	last  store.Usage
	asked time.Time
}

var gauges = []struct {
	desc  *prometheus.Desc
	value func(store.Usage) int64
}{
	{prometheus.NewDesc("engram_sync_accounts", "Accounts, disabled ones too.", nil, nil), func(u store.Usage) int64 { return u.Accounts }},
	{prometheus.NewDesc("engram_sync_chunks", "Chunks of all accounts.", nil, nil), func(u store.Usage) int64 { return u.Chunks }},
	{prometheus.NewDesc("engram_sync_chunk_bytes", "Bytes of all chunks, uncompressed.", nil, nil), func(u store.Usage) int64 { return u.Bytes }},
	{prometheus.NewDesc("engram_sync_journal_rows", "Rows of all journals.", nil, nil), func(u store.Usage) int64 { return u.JournalRows }},
	{prometheus.NewDesc("engram_sync_database_bytes", "Size of the database.", nil, nil), func(u store.Usage) int64 { return u.DatabaseBytes }},
}

// Describe implements prometheus.Collector.
func (c *usageCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, gauge := range gauges {
		descs <- gauge.desc
	}
}

// Collect implements prometheus.Collector.
func (c *usageCollector) Collect(out chan<- prometheus.Metric) {
	u, err := c.current()
	if err != nil {
		c.log.Warn("what the server keeps cannot be counted", "error", err.Error())
		return
	}
	for _, gauge := range gauges {
		out <- prometheus.MustNewConstMetric(gauge.desc, prometheus.GaugeValue, float64(gauge.value(u)))
	}
}

func (c *usageCollector) current() (store.Usage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && time.Since(c.asked) < usageAge {
		return c.last, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), usageTimeout)
	defer cancel()
	u, err := c.usage(ctx)
	if err == nil {
		c.last, c.asked = u, time.Now()
	}
	return u, err
}
