package config

import (
	"maps"
	"slices"
)

// Setting is one key with the value that counts, as Set would take it ("" for
// none), and where that came from (as in Config.Sources).
type Setting struct {
	Key    string
	Value  string
	Source string
}

// List gives every setting, and then the fields of each named remote that has
// them, sorted by name.
func List(cfg Config) []Setting {
	var list []Setting
	for _, s := range settings() {
		list = append(list, Setting{s.key, s.show(cfg), cfg.Sources[s.key]})
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Remotes)) {
		for _, f := range remoteFields() {
			key, value := remoteKeyOf(name, f.key), f.show(cfg.Remotes[name])
			if value != "" {
				list = append(list, Setting{key, value, cfg.Sources[key]})
			}
		}
	}
	return list
}

// Get gives one of the settings that List gives. A key that is none is an
// *Error which lists what keys there are.
func Get(cfg Config, key string) (Setting, error) {
	for _, s := range List(cfg) {
		if s.Key == key {
			return s, nil
		}
	}
	if name, _, ok := splitRemoteKey(key); ok {
		if _, known := cfg.Remotes[name]; known {
			return Setting{}, &Error{Key: key, Reason: "is not set"}
		}
		return Setting{}, &Error{Key: key, Reason: unknownRemote(cfg.Remotes, name).Error()}
	}
	return Setting{}, unknownKey("", key)
}
