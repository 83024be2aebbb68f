package config

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

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

// layer takes the ENGRAM_SYNC_ variables.
func (env environment) layer() (layer, error) {
	l := newLayer()
	for _, s := range settings() {
		text := env[s.env()]
		if text == "" {
			continue
		}
		if err := l.parse(s, text, origin{s.env(), fromEnv}); err != nil {
			return layer{}, err
		}
	}
	return l, nil
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
	known := map[string]bool{tokenVariable: true, fileVariable: true}
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
