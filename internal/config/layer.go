package config

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

const (
	remoteKey  = "remote"
	projectKey = "project"
)

// rank orders the kinds of sources, weakest first.
type rank int

const (
	fromDefault rank = iota
	fromEngramEnv
	fromUserFile
	fromRepoFile
	fromEnv
	fromFlag
)

// origin is where a value came from.
type origin struct {
	name string
	rank rank
}

// wrap makes an *Error of the reason why a value from here is no good.
func (o origin) wrap(key string, reason error) error {
	if reason == nil {
		return nil
	}
	if o.rank != fromUserFile && o.rank != fromRepoFile {
		// The name of a flag or a variable says the key.
		key = ""
	}
	return &Error{Source: o.name, Key: key, Reason: reason.Error()}
}

// layer is what one source says: values of their final types, nested as Viper
// wants them, and the origin of each by its flat key.
type layer struct {
	values  map[string]any
	origins map[string]origin
}

func newLayer() layer {
	return layer{values: map[string]any{}, origins: map[string]origin{}}
}

// textLayer takes the settings that a source has as text.
func textLayer(find func(setting) (text string, from origin, found bool)) (layer, error) {
	l := newLayer()
	for _, s := range settings() {
		text, from, found := find(s)
		if !found {
			continue
		}
		value, err := s.kind.parse(text)
		if err != nil {
			return layer{}, from.wrap(s.key, err)
		}
		l.values[s.key], l.origins[s.key] = value, from
	}
	return l, nil
}

// flag is what the user wrote on the command line. Flags may be nil, and may lack some.
func (in Inputs) flag(s setting) (text string, from origin, found bool) {
	if in.Flags == nil || !in.Flags.Changed(s.flag()) {
		return "", origin{}, false
	}
	return in.Flags.Lookup(s.flag()).Value.String(), origin{"flag --" + s.flag(), fromFlag}, true
}

// environment is os.Environ as a map. As everywhere, an empty variable counts
// as unset: CI systems set what they have no value for to "".
type environment map[string]string

func newEnvironment(list []string) environment {
	env := environment{}
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		// The first mention counts, as for os.Getenv.
		if _, ok := env[name]; !ok {
			env[name] = value
		}
	}
	return env
}

// variable is what one of the ENGRAM_SYNC_ variables says.
func (env environment) variable(s setting) (text string, from origin, found bool) {
	text = env[s.env()]
	return text, origin{s.env(), fromEnv}, text != ""
}

// engramValue is what engram's own variables say about a key, "" for nothing.
func (env environment) engramValue(key string) (text string, from origin) {
	var names []string
	switch key {
	case remoteKey:
		names = []string{"ENGRAM_CLOUD_SERVER", "ENGRAM_REMOTE_URL"}
	case projectKey:
		names = []string{"ENGRAM_PROJECT"}
	}
	for _, name := range names {
		if env[name] != "" {
			return env[name], origin{name, fromEngramEnv}
		}
	}
	return "", origin{}
}

// warnings names the variables that look like ours and are not. Their values
// are nobody's business: a misspelled name may carry a token.
func (env environment) warnings() []string {
	known := map[string]bool{tokenVariable: true, tokenFileVariable: true, fileVariable: true, pagerVariable: true}
	for _, s := range settings() {
		known[s.env()] = true
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.HasPrefix(name, envPrefix) && !known[name] && env[name] != "" {
			warnings = append(warnings, fmt.Sprintf("%q is set but is no setting of engram-sync", name))
		}
	}
	return warnings
}
