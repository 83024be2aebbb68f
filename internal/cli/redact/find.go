package redact

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

type finder func(chunktext.Text) []chunktext.Span

// finder gives what is to go of a text.
func (r *redact) finder(ctx context.Context, dir workspace.Directory) (finder, error) {
	switch {
	case r.secrets:
		return r.findSecrets(ctx, dir)
	case r.pattern != "":
		re, err := regexp.Compile(r.pattern)
		if err != nil {
			return nil, terminal.Usagef("--pattern: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return func(t chunktext.Text) (spans []chunktext.Span) {
			for _, at := range re.FindAllStringIndex(t.Value, -1) {
				if at[0] < at[1] {
					spans = append(spans, chunktext.Span{Start: at[0], End: at[1]})
				}
			}
			return spans
		}, nil
	}
	text, err := r.text(ctx)
	if err != nil {
		return nil, err
	}
	return func(t chunktext.Text) []chunktext.Span { return occurrences(nil, t.Value, text) }, nil
}

// leastSecret is how long a secret must be, in bytes, to be looked for where no rule finds it.
const leastSecret = 8

// findSecrets finds secrets by the rules first, in the rows that were named if any were, and then each wherever it stands: in a
// title that says nothing of a key, for instance.
func (r *redact) findSecrets(ctx context.Context, dir workspace.Directory) (finder, error) {
	look, err := surroundings.LookForSecrets(r.term, r.ws, dir, dir.Path())
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := map[string]bool{}
	collect := func(t chunktext.Text) []chunktext.Span {
		for _, s := range look.Spans(t) {
			if text := t.Value[s.Start:s.End]; len(text) >= leastSecret {
				mu.Lock()
				found[text] = true
				mu.Unlock()
			}
		}
		return nil
	}
	if _, _, err := verification.Redact(ctx, dir, verification.Redaction{Find: r.inRows(collect), Concurrency: r.atOnce(), DryRun: true}); err != nil {
		return nil, err
	}
	texts := slices.Sorted(maps.Keys(found))
	for _, text := range texts {
		secret.Add(text)
	}
	return func(t chunktext.Text) []chunktext.Span {
		spans := look.Spans(t)
		for _, text := range texts {
			spans = occurrences(spans, t.Value, text)
		}
		return apart(spans)
	}, nil
}

// occurrences adds where a text stands in another one.
func occurrences(spans []chunktext.Span, in, text string) []chunktext.Span {
	for at := 0; ; {
		i := strings.Index(in[at:], text)
		if i < 0 {
			return spans
		}
		spans = append(spans, chunktext.Span{Start: at + i, End: at + i + len(text)})
		at += i + len(text)
	}
}

// apart makes one of spans that meet.
func apart(spans []chunktext.Span) (kept []chunktext.Span) {
	slices.SortFunc(spans, func(a, b chunktext.Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	for _, s := range spans {
		if n := len(kept); n > 0 && s.Start < kept[n-1].End {
			kept[n-1].End = max(kept[n-1].End, s.End)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
