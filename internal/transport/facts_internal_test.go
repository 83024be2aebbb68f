package transport

import (
	"sync"
	"testing"
)

// Who keeps the facts hears of one at a time, and of the latest last.
func TestTheLatestFactsAreToldLast(t *testing.T) {
	var heard Facts // which the race detector watches
	remote, err := NewRemoteTransport("http://127.0.0.1:1", nil, Options{OnFacts: func(f Facts) { heard = f }})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { remote.update(func(f *Facts) { f.Limit++ }) })
		}
		all.Wait()
		if heard != remote.Facts() {
			t.Fatalf("heard %+v last, and it is %+v", heard, remote.Facts())
		}
	}
}
