package config

import (
	"github.com/spf13/pflag"
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

// put adds one value of this source.
func (l layer) put(key string, value any, from origin) {
	l.values[key] = value
	l.origins[key] = from
}

// parse adds the value that a text holds.
func (l layer) parse(s setting, text string, from origin) error {
	value, err := s.kind.parse(text)
	if err != nil {
		return from.wrap(s.key, err)
	}
	l.put(s.key, value, from)
	return nil
}

// flagLayer takes the flags that the user wrote. flags may be nil, and may lack some.
func flagLayer(flags *pflag.FlagSet) (layer, error) {
	l := newLayer()
	if flags == nil {
		return l, nil
	}
	for _, s := range settings() {
		flag := flags.Lookup(s.flag())
		if flag == nil || !flag.Changed {
			continue
		}
		if err := l.parse(s, flag.Value.String(), origin{"flag --" + s.flag(), fromFlag}); err != nil {
			return layer{}, err
		}
	}
	return l, nil
}
