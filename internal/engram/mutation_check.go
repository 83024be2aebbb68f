package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

var (
	knownEntities = []string{"session", "observation", "prompt", "relation"}
	knownOps      = []string{"upsert", "delete"}
)

// Check says what readers or servers are known to choke on: an entity or op
// that engram does not have, a payload that is neither an object nor a string
// that holds one, text that no database takes. Source: account-server.md 4.1, 10.
func (e MutationEntry) Check() error {
	switch {
	case !slices.Contains(knownEntities, e.Entity):
		return fmt.Errorf("entity %s is none that engram has", short(e.Entity))
	case !slices.Contains(knownOps, e.Op):
		return fmt.Errorf("op %s is neither upsert nor delete", short(e.Op))
	case e.EntityKey == "":
		return errors.New("entity_key is empty")
	}
	for _, member := range [...]struct{ name, text string }{{"entity_key", e.EntityKey}, {"project", e.Project}} {
		switch {
		case strings.Contains(member.text, "\x00"):
			return fmt.Errorf("%s holds a NUL character", member.name)
		case !utf8.ValidString(member.text):
			return fmt.Errorf("%s is not valid UTF-8", member.name)
		}
	}
	return checkPayload(e.Payload)
}

func checkPayload(payload []byte) error {
	if !utf8.Valid(payload) {
		return errors.New("payload is not valid UTF-8")
	}
	object := bytes.TrimSpace(payload)
	if len(object) > 0 && object[0] == '"' {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return errors.New("payload is not valid JSON")
		}
		object = bytes.TrimSpace([]byte(text))
	} else if len(object) == 0 || object[0] != '{' && !json.Valid(object) {
		return errors.New("payload is not valid JSON")
	}
	if len(object) == 0 || object[0] != '{' {
		return errNoObject
	}
	var fields payloadFields
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(object, &fields); {
	case errors.As(err, &syntax) && payload[0] == '"':
		return errNoObject
	case errors.As(err, &syntax):
		return errors.New("payload is not valid JSON")
	case err != nil:
		return errors.New("project or session_id in the payload is not a string")
	}
	switch err := jsonscan.CheckEscapes(payload); {
	case errors.Is(err, jsonscan.ErrNul):
		return errors.New(`payload holds a NUL character (\u0000)`)
	case err != nil:
		return fmt.Errorf("payload holds %w", err)
	}
	return nil
}

var errNoObject = errors.New("payload is neither an object nor a string that holds one")
