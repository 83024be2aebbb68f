package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncContent makes what was written to f durable no later than a rename that follows. A
// barrier says that: it puts the content before the rename, and syncDir, a full flush of the
// drive, which is the slow part, then covers both. File systems that know no barriers get such a flush here too.
func syncContent(f *os.File) error {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_BARRIERFSYNC, 0); err == nil {
		return nil
	}
	return f.Sync()
}
