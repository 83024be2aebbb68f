package recorded

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
)

// Values are what the names in a recording stand for in this run: TOKEN_A,
// REFRESH_A, APIKEY_A and USER_A are an account's, TOKEN_A2 and the like come
// later, and others are for the test to set. Answers add to them.
type Values map[string]string

var placeholder = regexp.MustCompile(`\b(?:TOKEN|REFRESH|APIKEY|USER)_[A-Z0-9_]+\b`)

// fill puts values in the place of names. A name without a value stays.
func (v Values) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		if value, known := v[name]; known {
			return value
		}
		return name
	})
}

// learn takes values from an answer: those of members where the recorded answer has a name.
func (v Values) learn(recorded, got []byte) {
	var want, have any
	if json.Unmarshal(recorded, &want) != nil || json.Unmarshal(got, &have) != nil {
		return // one of them is no JSON, so there is nothing to learn
	}
	v.learnValue(want, have)
}

func (v Values) learnValue(want, have any) {
	switch want := want.(type) {
	case string:
		if text, isText := have.(string); isText && placeholder.FindString(want) == want && want != "" {
			v[want] = text
		}
	case map[string]any:
		object, _ := have.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			v.learnValue(want[name], object[name])
		}
	case []any:
		list, _ := have.([]any)
		for i := range min(len(want), len(list)) {
			v.learnValue(want[i], list[i])
		}
	}
}
