package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where figures come from.
type Machine struct {
	CPU, Memory, System, Go, Disk string
	Cores                         int
	Load                          string // when it was looked at
}

// Look describes this machine, and the file system of a directory. What the system does not tell the
// way Linux does is unknown.
func Look(dir string) Machine {
	m := Machine{
		CPU:    first(`(?m)^model name\s*: (.*)$`, "/proc/cpuinfo"),
		Memory: "unknown",
		System: first(`(?m)^PRETTY_NAME="?([^"\n]*)`, "/etc/os-release") + ", " + runtime.GOOS + " " + first(`(\S+)`, "/proc/sys/kernel/osrelease"),
		Go:     runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Disk:   fileSystem(dir),
		Cores:  runtime.NumCPU(),
		Load:   first(`^(\S+ \S+ \S+)`, "/proc/loadavg"),
	}
	if kB, err := strconv.ParseFloat(first(`MemTotal:\s+(\d+)`, "/proc/meminfo"), 64); err == nil {
		m.Memory = fmt.Sprintf("%.0f GiB", kB/(1<<20))
	}
	return m
}

// first is what the pattern finds first in a file.
func first(pattern, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	match := regexp.MustCompile(pattern).FindSubmatch(text)
	if match == nil {
		return "unknown"
	}
	return string(match[1])
}

// fileSystem is the kind of the one that holds a directory: that of the longest mount point above it.
func fileSystem(dir string) string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "unknown"
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	kind, longest := "unknown", -1
	for mount := range strings.Lines(string(text)) {
		fields := strings.Fields(mount)
		if len(fields) < 3 {
			continue
		}
		point := strings.TrimSuffix(fields[1], "/")
		if (dir == point || strings.HasPrefix(dir, point+"/")) && len(point) >= longest {
			kind, longest = fields[2]+" on "+filepath.Base(fields[0]), len(point)
		}
	}
	return kind
}
