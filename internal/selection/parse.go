package selection

import (
	"fmt"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// ReadTime understands a time as typed; with end, the end of one that is a day.
type ReadTime func(text string, end bool) (time.Time, error)

// Parse understands conditions, each KEY=VALUE: those one of which has to hold, for each key, and those none of which may.
func Parse(include, exclude []string, read ReadTime) (f Filter, err error) {
	of := map[string]int{} // the clause of a key
	for _, word := range include {
		c, err := parse(word, read)
		if err != nil {
			return Filter{}, fmt.Errorf("--include: %w", err)
		}
		at, ok := of[c.key]
		if !ok {
			at = len(f.any)
			of[c.key], f.any = at, append(f.any, nil)
		}
		f.any[at] = append(f.any[at], c)
	}
	for _, word := range exclude {
		c, err := parse(word, read)
		if err != nil {
			return Filter{}, fmt.Errorf("--exclude: %w", err)
		}
		f.none = append(f.none, c)
	}
	return f, nil
}

func parse(word string, read ReadTime) (c condition, err error) {
	key, value, ok := strings.Cut(word, "=")
	c = condition{key: key, value: strings.TrimSpace(value)}
	if !ok || c.value == "" {
		return c, fmt.Errorf("%.40q is no KEY=VALUE, such as project=NAME, type=TYPE, since=7d or until=2026-10-01", word)
	}
	switch key {
	case byProject:
		c.value = engram.ProjectKey(c.value)
	case byType:
		c.value = Type(c.value)
	case bySince, byUntil:
		var at time.Time
		at, err = read(c.value, key == byUntil)
		c.at, c.moves = instant(at), !strings.Contains(c.value, "-")
	default:
		err = fmt.Errorf("there is no %.40q: give project, type, since or until", key)
	}
	return c, err
}
