package secretscan

import (
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/chunktext"
)

// Mask stands in the place of a secret.
const Mask = "[REDACTED]"

// Finding is a secret in a row of a chunk, told without it.
type Finding struct {
	Kind        string `json:"kind"` // session, memory, prompt or mutation
	Row         string `json:"row"`  // its sync_id, or the id of a session; masked, as is the title
	Title       string `json:"title"`
	Field       string `json:"field"`
	Rule        string `json:"rule"`
	Description string `json:"description"`
	Fingerprint string `json:"fingerprint"`
}

// ScanRow gives the secrets in a row of a chunk, which is valid JSON, each once for a field.
func ScanRow(list string, index int, row []byte) []Finding {
	if !table().inJSON(row) {
		return nil
	}
	return scanTexts(list, index, row)
}

func scanTexts(list string, index int, row []byte) (found []Finding) {
	type key struct{ field, fingerprint string }
	seen, secrets := map[key]bool{}, []string(nil)
	var where *chunktext.Row
	chunktext.Each(list, index, row, func(t chunktext.Text) {
		where = t.Row
		for _, m := range Scan(t.Value) {
			secret := t.Value[m.Start:m.End]
			f := Finding{Field: t.Field, Rule: m.Rule, Description: m.Description, Fingerprint: Fingerprint(m.Rule, t.Row.ID, secret)}
			if k := (key{f.Field, f.Fingerprint}); !seen[k] {
				seen[k] = true
				found, secrets = append(found, f), append(secrets, secret, Mask)
			}
		}
	})
	if len(found) == 0 {
		return nil
	}
	mask := strings.NewReplacer(secrets...)
	for i := range found {
		found[i].Kind, found[i].Row, found[i].Title = where.Kind(), mask.Replace(where.ID), mask.Replace(where.Title)
	}
	return found
}

// FoundError is why a chunk does not leave, or fails.
type FoundError struct{ Secrets int }

func (e *FoundError) Error() string {
	if e.Secrets == 1 {
		return "something in it looks like a secret"
	}
	return fmt.Sprintf("%d things in it look like secrets", e.Secrets)
}
