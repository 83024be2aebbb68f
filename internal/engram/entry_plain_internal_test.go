package engram

import (
	"encoding/json"
	"strings"
	"testing"
)

const plain = `{"id":"0123abcd","created_by":"zoë","created_at":"2026-11-28T10:00:00Z","sessions":1,"memories":20,"prompts":0}`

// What is read the short way is what is read the long way; and only what is written as
// everybody writes it is.
func TestPlainEntry(t *testing.T) {
	for text, short := range map[string]bool{
		plain:             true,
		plain + `,{"id":`: true,
		strings.ReplaceAll(plain, `,`, ",\n      "):                        true,
		strings.ReplaceAll(plain, `:1,`, ` : 1 , `):                        true,
		strings.Replace(plain, `"zoë"`, `"zo\u00eb"`, 1):                   false,
		strings.Replace(plain, `"zoë"`, "\"zo\t\"", 1):                     false,
		strings.Replace(plain, `"zoë"`, `null`, 1):                         false,
		strings.Replace(plain, `0123abcd`, `0123ABCD`, 1):                  false,
		strings.Replace(plain, `T10`, ` 10`, 1):                            false,
		strings.Replace(plain, `:20`, `:020`, 1):                           false,
		strings.Replace(plain, `:20`, `:-2`, 1):                            false,
		strings.Replace(plain, `:20`, `:2.0`, 1):                           false,
		strings.Replace(plain, `:20`, `:20000000000`, 1):                   false,
		strings.Replace(plain, `:20`, `:`, 1):                              false,
		strings.Replace(plain, `"sessions"`, `"Sessions"`, 1):              false,
		strings.Replace(plain, `,"prompts":0`, ``, 1):                      false,
		strings.Replace(plain, `}`, `,"more":1}`, 1):                       false,
		strings.Replace(plain, `"memories":20`, `"memories":20,"id":1`, 1): false,
		plain[:len(plain)-1]:                                               false,
		``:                                                                 false,
	} {
		e, n, ok := plainEntry([]byte(text), authors{})
		if ok != short {
			t.Errorf("%s: %t", text, ok)
		}
		if long, err := ParseEntry([]byte(text[:n])); ok && (err != nil || long != e) {
			t.Errorf("%s: got %+v, and %+v (%v) the long way", text, e, long, err)
		}
	}
}

func FuzzPlainEntry(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(strings.ReplaceAll(plain, `,`, ",\n      ") + ","))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, n, ok := plainEntry(text, authors{})
		if !ok {
			return
		}
		if !json.Valid(text[:n]) {
			t.Fatalf("%q is no JSON", text[:n])
		}
		if long, err := ParseEntry(text[:n]); err == nil && long != e {
			t.Fatalf("%q: got %+v, and %+v the long way", text[:n], e, long)
		}
	})
}
