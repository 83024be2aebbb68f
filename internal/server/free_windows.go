package server

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// freeBytes is how much room this user has on the disk of a directory.
func freeBytes(dir string) (free uint64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the room in %s: %w", dir, err)
	}
	return free, nil
}
