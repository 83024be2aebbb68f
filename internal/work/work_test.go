package work_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/work"
)

// TestEach: in each of the two ways every item is done once, as many at once as may be and no more, and each end is told.
func TestEach(t *testing.T) {
	for name, each := range map[string]func([]int, int, work.Report, func(int)){"Each": work.Each[int], "EachFile": work.EachFile[int]} {
		for _, tc := range []struct{ items, atOnce, want int }{{0, 8, 0}, {3, 8, 3}, {100, 8, 8}, {5, 0, 1}} {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var items, done []int
				for i := range tc.items {
					items = append(items, i)
				}
				now, most, told := 0, 0, 0
				count := func(add func()) {
					mu.Lock()
					defer mu.Unlock()
					add()
				}
				report := func(e work.Event) {
					if e.Kind == work.EventDone {
						count(func() { told++ })
					}
				}
				each(items, tc.atOnce, report, func(i int) {
					count(func() { now++; most = max(most, now) })
					time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock: nobody else can begin
					count(func() { now--; done = append(done, i) })
				})
				slices.Sort(done)
				if most != tc.want || told != tc.items || !slices.Equal(done, items) {
					t.Errorf("%s, %d items, %d at once: %d were at once, want %d; done were %v, and %d ends told", name, tc.items, tc.atOnce, most, tc.want, done, told)
				}
			})
		}
	}
}
