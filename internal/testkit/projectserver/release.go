package projectserver

import (
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Release is a release of engram whose cloud server a Server answers like.
type Release string

// The releases that were recorded. Source: project-server.md 14.
const (
	Release1161 Release = "1.16.1" // also that of the zero value
	Release120  Release = "1.20"
)

// traits are all that differs between releases, apart from the compressed
// envelope of later ones (see Options.Compressed).
type traits struct {
	unknownToken string // what is said of a token that nobody has
	adminSyncs   bool   // the administrator's token is good for /sync/*
	members      bool   // there are managed users
	wantsCaller  bool   // without authentication nobody is allowed a project
}

var releases = map[Release]traits{
	Release1161: {unknownToken: "invalid bearer token"},
	Release120:  {unknownToken: "unknown token", adminSyncs: true, members: true, wantsCaller: true},
}

// caller is whom a request comes from.
type caller struct {
	// projects are those that may be used, normalised; nil allows everything.
	projects map[string]bool
	nobody   bool // there is no authentication, and the release wants it
}

// allows says whether a project may be used, in the server's spelling.
func (c caller) allows(normalized string) bool {
	return normalized != "" && (c.projects == nil || c.projects[normalized])
}

// firstProject is the first allowed project in the alphabet: it means nothing (4.2).
func (c caller) firstProject() string {
	first := ""
	for project := range c.projects {
		if first == "" || project < first {
			first = project
		}
	}
	return first
}

// Member is a managed user of a server of Release120: a token with grants of its
// own, which count even for projects that the allowlist lacks.
type Member struct {
	server            *Server
	grants            map[string]bool
	disabled, revoked bool
}

// Member makes the managed user with this token, who has no grant yet.
func (s *Server) Member(token string) *Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &Member{server: s, grants: map[string]bool{}}
	s.members[token] = m
	return m
}

// Grant allows a project, or takes it back.
func (m *Member) Grant(project string, granted bool) {
	m.set(func() { m.grants[engram.NormalizeProject(project)] = granted })
}

// Disable shuts the user out, or lets them in again.
func (m *Member) Disable(disabled bool) { m.set(func() { m.disabled = disabled }) }

// Revoke makes the token worthless for good.
func (m *Member) Revoke() { m.set(func() { m.revoked = true }) }

func (m *Member) set(change func()) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	change()
}

// whose gives the caller that an Authorization header names, or the words of a 401.
func (s *Server) whose(header string) (caller, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	everyone := caller{projects: s.allowed}
	if s.opts.Token == "" {
		everyone.nobody = s.traits.wantsCaller
		return everyone, ""
	}
	words := strings.Fields(header)
	if header == "" {
		return caller{}, "missing authorization header"
	}
	if len(words) != 2 || !strings.EqualFold(words[0], "bearer") {
		return caller{}, "authorization must use Bearer token"
	}
	if token := words[1]; token == s.opts.Token || s.traits.adminSyncs && token == s.opts.AdminToken && token != "" {
		return everyone, ""
	}
	m := s.members[words[1]]
	switch {
	case m == nil || !s.opts.Managed || !s.traits.members:
		return caller{}, s.traits.unknownToken
	case m.revoked:
		return caller{}, "token is revoked"
	case m.disabled:
		return caller{}, "principal is disabled"
	}
	grants := map[string]bool{}
	for project, granted := range m.grants {
		if granted {
			grants[project] = true
		}
	}
	return caller{projects: grants}, ""
}
