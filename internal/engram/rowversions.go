package engram

import "io"

// ReadVersions reads the versions of all rows of a chunk, as a stream that keeps
// nothing but them. Rows without a name are left out: nobody can find them
// again. The mutations that chunks of servers may have are left out too, because
// 1.9.4 does not read them.
func ReadVersions(r io.Reader) ([]RowVersion, error) {
	reader := versionReader{projects: map[string]string{}}
	err := readMembers(r, map[string]memberReader{
		"sessions":     rows(reader.session),
		"observations": rows(func(o Observation) { reader.row(o.SyncID, o.version(), Text(o.Project), o.SessionID) }),
		"prompts":      rows(func(p Prompt) { reader.row(p.SyncID, p.version(), p.Project, p.SessionID) }),
	})
	return reader.finish(), err
}

// versionReader reads one chunk. Only at its end all sessions are known: they
// stand first as engram writes it, and last as servers do.
type versionReader struct {
	versions []RowVersion
	projects map[string]string // of the sessions
	rows     []unplacedRow
}

// unplacedRow is a version whose project may be that of its session.
type unplacedRow struct {
	version          RowVersion
	project, session string
}

func (r *versionReader) session(s Session) {
	if s.ID != "" {
		r.projects[s.ID] = s.Project
		v, begun := s.Version(), s.Begun().Version()
		if r.versions = append(r.versions, v); begun != v {
			r.versions = append(r.versions, begun)
		}
	}
}

func (r *versionReader) row(syncID string, v RowVersion, project, session string) {
	if syncID != "" {
		r.rows = append(r.rows, unplacedRow{v, project, session})
	}
}

func (r *versionReader) finish() []RowVersion {
	for _, row := range r.rows {
		r.versions = append(r.versions, row.version.in(row.project, r.projects[row.session]))
	}
	return r.versions
}
