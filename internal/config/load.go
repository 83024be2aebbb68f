package config

import (
	"errors"
	"fmt"
	"maps"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

const (
	fileFlag     = "config"
	fileVariable = envPrefix + "CONFIG"
	// keyDelimiter can be part of no key. Viper's own, the dot, may stand in
	// the names of remotes.
	keyDelimiter = "\x00"
)

// Inputs is where Load looks. Any field may be left out.
type Inputs struct {
	// Flags are parsed flags, named as the keys with dashes (--lock-wait),
	// and --config. Only those that the user set count.
	Flags *pflag.FlagSet
	// Env is what os.Environ gives.
	Env []string
	// DefaultFile is the user's config file where neither --config nor
	// ENGRAM_SYNC_CONFIG names one. It need not exist.
	DefaultFile string
	// RepoFile is .engram-sync.yaml at the top of the git work tree, "" where
	// there is none to look for. It need not exist.
	RepoFile string
}

// File is the user's config file, and by what it was named: "flag --config",
// "ENGRAM_SYNC_CONFIG", or "" if it is only the default.
func (in Inputs) File() (path, namedBy string) {
	if in.Flags != nil && in.Flags.Changed(fileFlag) {
		return in.Flags.Lookup(fileFlag).Value.String(), "flag --" + fileFlag
	}
	if path := newEnvironment(in.Env)[fileVariable]; path != "" {
		return path, fileVariable
	}
	return in.DefaultFile, ""
}

// Load reads and merges all of it. What is wrong in any source is an *Error,
// even where a stronger source has another value. Having no remote is not
// wrong: see Config.RemoteErr. Load changes nothing on disk.
func Load(in Inputs) (Config, error) {
	env := newEnvironment(in.Env)
	path, namedBy := in.File()
	user, err := readUserFile(path, namedBy)
	if err != nil {
		return Config{}, err
	}
	repo, err := readRepoFile(in.RepoFile)
	if err != nil {
		return Config{}, err
	}
	vars, err := env.layer()
	if err != nil {
		return Config{}, err
	}
	flags, err := flagLayer(in.Flags)
	if err != nil {
		return Config{}, err
	}
	m, err := merge(env, user, repo, vars, flags)
	if err != nil {
		return Config{}, err
	}
	cfg, err := m.config()
	cfg.Warnings = env.warnings()
	return cfg, err
}

// merged is Viper's result: one value for each key, before a remote is chosen.
type merged struct {
	Config `mapstructure:",squash"`
	Asked  string `mapstructure:"remote"` // the remote's name or URL

	origins map[string]origin
}

// merge lets Viper lay the layers, weakest first, over the defaults.
func merge(env environment, layers ...layer) (merged, error) {
	v := viper.NewWithOptions(viper.KeyDelimiter(keyDelimiter))
	origins := map[string]origin{}
	for _, l := range layers {
		if err := v.MergeConfigMap(l.values); err != nil {
			return merged{}, fmt.Errorf("cannot merge the configuration: %w", err)
		}
		maps.Copy(origins, l.origins)
	}
	for _, s := range settings() {
		if _, ok := origins[s.key]; ok {
			continue
		}
		v.SetDefault(s.key, s.fallback)
		origins[s.key] = origin{"default", fromDefault}
		// Looked at only now: what other programs' variables hold is no
		// error as long as it is not used.
		if text, from := env.engramValue(s.key); text != "" {
			value, err := s.kind.parse(text)
			if err != nil {
				return merged{}, from.wrap(s.key, err)
			}
			v.SetDefault(s.key, value)
			origins[s.key] = from
		}
	}
	m := merged{origins: origins}
	err := v.UnmarshalExact(&m, func(c *mapstructure.DecoderConfig) { c.WeaklyTypedInput = false })
	if err != nil {
		return merged{}, fmt.Errorf("cannot merge the configuration: %w", err)
	}
	return m, nil
}

// config chooses the remote and its project.
func (m merged) config() (Config, error) {
	for name, remote := range m.Remotes {
		remote.Name = name
		m.Remotes[name] = remote
	}
	cfg := m.Config
	if err := m.chooseRemote(&cfg); err != nil {
		return Config{}, err
	}
	cfg.Sources = make(map[string]string, len(m.origins))
	for key, from := range m.origins {
		cfg.Sources[key] = from.name
	}
	return cfg, nil
}

func (m merged) chooseRemote(cfg *Config) error {
	cfg.RemoteErr = ErrNoRemote
	from := m.origins[remoteKey]
	if m.Asked != "" {
		cfg.Remote, cfg.RemoteErr = choose(m.Remotes, m.Asked, from)
	}
	var wrong *Error
	if errors.As(cfg.RemoteErr, &wrong) && from.rank != fromRepoFile {
		return wrong
	}
	m.closer(cfg.Remote.Name, projectKey, &cfg.Project, &cfg.Remote.Project)
	return m.chooseFiles(cfg)
}

// closer lets what the chosen remote has of its own count instead of the
// user's general value and of what a repository says, which may be about another
// server, and makes both the one that counts. Variables and flags know better.
func (m merged) closer(name, key string, general, own *string) {
	if *own != "" && m.origins[key].rank <= fromRepoFile {
		*general = *own
		m.origins[key] = m.origins[remoteKeyOf(name, key)]
	}
	*own = *general
}
