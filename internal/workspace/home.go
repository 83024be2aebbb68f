package workspace

import (
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"runtime"

	"github.com/adrg/xdg"
)

// findHome names the home directory where the environment does not, as in
// services and some containers: it is the one that the system has for the user.
// The library that knows where files go would take the root directory.
func findHome(home string) error {
	if home != "" || runtime.GOOS == "windows" {
		return nil
	}
	u, err := osuser.Current()
	if unknown := err != nil || !filepath.IsAbs(u.HomeDir); unknown {
		return nil // then it can't be helped: writing there fails, or is allowed
	}
	if err := os.Setenv("HOME", u.HomeDir); err != nil {
		return fmt.Errorf("find the home directory: %w", err)
	}
	xdg.Reload()
	return nil
}
