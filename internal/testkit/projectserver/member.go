package projectserver

import (
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// caller is whom a request comes from.
type caller struct {
	// projects are those that may be used, normalised; nil allows everything.
	projects map[string]bool
	nobody   bool   // there is no authentication, and the release wants it
	name     string // that of a managed user
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

// Member is a managed user of a server that has them: a token with grants of its
// own, which count even for projects that the allowlist lacks.
type Member struct {
	server            *Server
	name              string
	grants            map[string]bool
	disabled, revoked bool
}

// Member makes the managed user with this token, and this for a name, who has no grant yet.
func (s *Server) Member(token string) *Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &Member{server: s, name: token, grants: map[string]bool{}}
	s.members[token] = m
	return m
}

// Grant allows a project, or takes it back. "*" is every project.
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
	if grants["*"] {
		grants = nil
	}
	return caller{projects: grants, name: m.name}, ""
}
