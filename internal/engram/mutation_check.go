package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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
	if err := checkEscapes(payload); err != nil {
		return fmt.Errorf("payload holds %w", err)
	}
	return nil
}

var errNoObject = errors.New("payload is neither an object nor a string that holds one")

// checkEscapes looks through valid JSON for the escapes of what is no character.
func checkEscapes(text []byte) error {
	for i := bytes.IndexByte(text, '\\'); i >= 0 && i+1 < len(text); {
		size, unit := 2, unitAt(text[i:])
		switch {
		case unit < 0: // a short escape
		case unit == 0:
			return errors.New(`a NUL character (\u0000)`)
		case unit >= 0xd800 && unit < 0xdc00:
			if low := unitAt(text[i+6:]); low < 0xdc00 || low > 0xdfff {
				return errors.New("half a surrogate pair")
			}
			size = 12
		case unit >= 0xdc00 && unit <= 0xdfff:
			return errors.New("half a surrogate pair")
		}
		next := bytes.IndexByte(text[i+size:], '\\')
		if next < 0 {
			return nil
		}
		i += size + next
	}
	return nil
}

// unitAt is the UTF-16 unit of the \u escape that text begins with; -1 if it
// begins with something else.
func unitAt(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}
