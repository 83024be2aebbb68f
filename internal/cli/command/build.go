package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Version is the version of this program: the one that the linker set, or else the one that Go
// recorded, which `go install …@latest` and a build in a clone have; "dev" where there is none.
func Version(linked string) string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(linked, info)
}

func versionOf(linked string, info *debug.BuildInfo) string {
	if linked != "" {
		return strings.TrimPrefix(linked, "v")
	}
	if info == nil || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

// Commit is the commit that this program was built from, in full, and its time (RFC 3339); both are
// "" where Go built it outside of a clone.
func Commit() (revision, date string) {
	info, _ := debug.ReadBuildInfo()
	return commitOf(info)
}

func commitOf(info *debug.BuildInfo) (revision, date string) {
	if info == nil {
		return "", ""
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.time":
			date = s.Value
		}
	}
	return revision, date
}

// VersionLine is what version and --version print.
func VersionLine(version string) string {
	revision, date := Commit()
	return versionLine(version, revision, date)
}

func versionLine(version, revision, date string) string {
	var from string
	if revision != "" {
		day, _, _ := strings.Cut(date, "T")
		from = fmt.Sprintf("%.12s of %s, ", revision, day)
	}
	return fmt.Sprintf("engram-sync %s (%s%s, %s)", version, from, runtime.Version(), Platform())
}

// Platform is the system and the processor that this program was built for.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
