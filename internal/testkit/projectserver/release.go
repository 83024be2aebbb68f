package projectserver

import (
	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// Release is a release of engram whose cloud server a Server answers like.
type Release string

// The releases. Those of 1.x were recorded (project-server.md 14); 2.x and 3.x answer
// as was read of them, and nobody has seen them do so (engram-2.md 4, 10).
const (
	Release1161 Release = "1.16.1" // also that of the zero value
	Release120  Release = "1.20"
	Release2    Release = "2.x"
	Release3    Release = "3.x"
)

// traits are all that differs between releases.
type traits struct {
	generation   engram.Generation // whose canonical form chunks have
	unknownToken string            // what is said of a token that nobody has
	adminSyncs   bool              // the administrator's token is good for /sync/*
	members      bool              // there are managed users
	wantsCaller  bool              // without authentication nobody is allowed a project
	reviews      bool              // rows of observations have a review_after
	manifest     int               // its version, whatever is in the store
	envelope     bool              // chunks may be compressed, and a body is one value and nothing else
	named        bool              // a 403 says which project it is about
	relations    bool              // those of a pushed chunk reach the journal,
	deletes      bool              // and so do its deletes
	codec        bool              // mutations are brought into canonical form before they are stored
	authorities  bool              // there is /sync/session-authorities
}

// releases has one row for each release. Source: project-server.md 14,
// engram-2.md 1, 4.1 to 4.5 and 10; what 1.20 does with relations was only read.
var releases = map[Release]traits{
	Release1161: {
		generation: engram.Gen1, manifest: 1, unknownToken: "invalid bearer token",
	},
	Release120: {
		generation: engram.Gen1, manifest: 1, unknownToken: "unknown token", adminSyncs: true, members: true, wantsCaller: true,
		reviews: true, relations: true,
	},
	Release2: {
		generation: engram.Gen2, manifest: 2, unknownToken: "unknown token", adminSyncs: true, members: true, wantsCaller: true,
		reviews: true, relations: true, deletes: true, envelope: true, named: true, codec: true,
	},
	Release3: {
		generation: engram.Gen3, manifest: 2, unknownToken: "unknown token", adminSyncs: true, members: true, wantsCaller: true,
		reviews: true, relations: true, deletes: true, envelope: true, named: true, codec: true, authorities: true,
	},
}

func (t traits) form() *canon.Form { return canon.Of(t.generation) }

// forget takes out of rows the members that the release does not know.
func (t traits) forget(rows *typedChunk) {
	for i := range rows.Sessions {
		if t.generation < engram.Gen2 {
			rows.Sessions[i].OwnershipMode = ""
		}
	}
	for i := range rows.Observations {
		if !t.reviews {
			rows.Observations[i].ReviewAfter = nil
		}
	}
	for i := range rows.Prompts {
		if t.generation < engram.Gen3 {
			rows.Prompts[i].SourceInboxID = nil
		}
	}
}
