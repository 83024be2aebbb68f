package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

const (
	fileFlag     = "config"
	fileVariable = envPrefix + "CONFIG"
	// pagerVariable is for the terminal, which reads it.
	pagerVariable = envPrefix + "PAGER"
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
	repo.lessen(user)
	vars, err := textLayer(env.variable)
	if err != nil {
		return Config{}, err
	}
	flags, err := textLayer(in.flag)
	if err != nil {
		return Config{}, err
	}
	m, err := merge(env, user, repo, vars, flags)
	if err != nil {
		return Config{}, err
	}
	cfg, err := m.config()
	cfg.RemoteByRepo = m.onlyRepo(remoteKey, user, repo)
	cfg.ProjectByRepo = m.onlyRepo(projectKey, user, repo) || cfg.RemoteByRepo && m.ofRemote(cfg.Remote.Name)
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

// onlyRepo says whether the value that counts is one that a file of the repository
// gives, and the user's file does not.
func (m merged) onlyRepo(key string, user, repo layer) bool {
	return m.origins[key].rank == fromRepoFile && user.values[key] != repo.values[key]
}

// ofRemote says whether the project that counts is that of the remote's own.
func (m merged) ofRemote(name string) bool {
	return m.Remotes[name].Project != "" && m.origins[projectKey].rank == fromUserFile
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
	if only := slices.Collect(maps.Keys(m.Remotes)); m.Asked == "" && len(only) == 1 {
		m.Asked, m.origins[remoteKey] = only[0], origin{SoleRemote, fromDefault}
	}
	from := m.origins[remoteKey]
	if m.Asked != "" {
		cfg.Remote, cfg.RemoteErr = choose(m.Remotes, m.Asked, from)
	}
	if wrong, ok := errors.AsType[*Error](cfg.RemoteErr); ok && from.rank != fromRepoFile {
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

const (
	caCertKey     = "ca_cert"
	clientCertKey = "client_cert"
	clientKeyKey  = "client_key"
)

// parsePath takes a path of this machine. Only a shell knows ~, and none reads
// a config file, a variable or what stands after the = of a flag.
func parsePath(text string) (any, error) {
	if strings.HasPrefix(text, "~/") || strings.HasPrefix(text, `~\`) {
		return nil, errors.New("begins with ~, which is not expanded here; write it out, or use an absolute path")
	}
	return parseText(text)
}

// besideFile is a path as a config file has it: relative to the directory of
// that file, since the same file is read from many working directories.
func besideFile(file, path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	return filepath.Abs(filepath.Join(filepath.Dir(file), path))
}

// chooseFiles finds the TLS files that count for the chosen remote.
func (m merged) chooseFiles(cfg *Config) error {
	own := cfg.Remote
	hasOwn := own.ClientCert != "" || own.ClientKey != ""
	if hasOwn {
		// One half of the remote's own pair never goes with the other half of
		// the general one.
		m.dropGeneral(clientCertKey, &cfg.ClientCert)
		m.dropGeneral(clientKeyKey, &cfg.ClientKey)
	}
	m.closer(own.Name, caCertKey, &cfg.CACert, &cfg.Remote.CACert)
	m.closer(own.Name, clientCertKey, &cfg.ClientCert, &cfg.Remote.ClientCert)
	m.closer(own.Name, clientKeyKey, &cfg.ClientKey, &cfg.Remote.ClientKey)
	if (cfg.ClientCert == "") == (cfg.ClientKey == "") {
		return nil
	}
	set, missing := clientCertKey, clientKeyKey
	if cfg.ClientCert == "" {
		set, missing = missing, set
	}
	from := m.origins[set]
	err := halfPair(from, own.Name, set, missing, hasOwn)
	if from.rank > fromUserFile {
		return err
	}
	if cfg.RemoteErr == nil {
		// Not wrong yet: `config set` writes one key at a time.
		cfg.RemoteErr, cfg.Remote.URL = err, ""
	}
	return nil
}

// dropGeneral forgets what the user's file says for all remotes.
func (m merged) dropGeneral(key string, general *string) {
	if m.origins[key].rank <= fromUserFile {
		*general = ""
		m.origins[key] = origin{"default", fromDefault}
	}
}

// halfPair says in the words of its source what is missing.
func halfPair(from origin, remote, set, missing string, own bool) error {
	switch {
	case from.rank == fromFlag:
		missing = "--" + setting{key: missing}.flag()
	case from.rank == fromEnv:
		missing = setting{key: missing}.env()
	case own:
		set, missing = remoteKeyOf(remote, set), remoteKeyOf(remote, missing)
	}
	return from.wrap(set, errors.New("is set without "+missing+"; set both (one file can hold both), or neither"))
}
