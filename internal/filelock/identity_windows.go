package filelock

import (
	"fmt"
	"os"
	"syscall"
)

// Identity is a name of what an open file or directory is, whatever path leads to it:
// its volume and its file id. It is good as long as the file is there.
func Identity(f *os.File) (string, error) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return "", os.NewSyscallError("GetFileInformationByHandle", err)
	}
	return fmt.Sprintf("%x-%x%08x", info.VolumeSerialNumber, info.FileIndexHigh, info.FileIndexLow), nil
}
