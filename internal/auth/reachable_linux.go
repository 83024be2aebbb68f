package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// reachable says whether there is a session bus to ask. Without one the library
// would start dbus-launch, wait for minutes and leave a process behind, so then
// it is not even called. The bus that systemd starts for a user is named to the
// library, which does not look in XDG_RUNTIME_DIR, nor anywhere for a user
// without a passwd entry.
func reachable(getenv func(string) string) error {
	if address := getenv(busVariable); address != "" && address != "autolaunch:" {
		return os.Setenv(busVariable, address) // the one that was judged is the one that is used
	}
	for _, dir := range []string{getenv("XDG_RUNTIME_DIR"), filepath.Join("/run/user", strconv.Itoa(os.Getuid()))} {
		bus := filepath.Join(dir, "bus")
		if info, err := os.Stat(bus); err == nil && info.Mode().Type() == os.ModeSocket && filepath.IsAbs(bus) {
			return os.Setenv(busVariable, "unix:path="+bus)
		}
	}
	return fmt.Errorf("%w: no D-Bus session", ErrNoKeyring)
}
