// Package pty makes terminals for tests that sit at one. Only tests import it.
package pty

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Open makes a terminal of 24 lines and 200 columns: what is written to master is typed, and what a program
// writes to slave is read from master. The caller closes both. Reading master ends with EIO when nobody has slave open.
func Open() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a terminal: %w", err)
	}
	slave, err = other(master)
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}

// other opens the side of a terminal that programs see.
func other(master *os.File) (*os.File, error) {
	conn, err := master.SyscallConn()
	if err != nil {
		return nil, err
	}
	number := 0
	controlErr := conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		if err == nil {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200})
		}
	})
	if err := errors.Join(err, controlErr); err != nil {
		return nil, err
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
}

// Echoes says whether a terminal shows what is typed.
func Echoes(slave *os.File) (bool, error) {
	conn, err := slave.SyscallConn() // not Fd, which others may be closing
	if err != nil {
		return false, err
	}
	var state *unix.Termios
	controlErr := conn.Control(func(fd uintptr) { state, err = unix.IoctlGetTermios(int(fd), unix.TCGETS) })
	if err := errors.Join(err, controlErr); err != nil {
		return false, err
	}
	return state.Lflag&unix.ECHO != 0, nil
}

// UntilHidden waits until a terminal does not show what is typed: the question for a secret is there a moment before.
func UntilHidden(ctx context.Context, slave *os.File) error {
	for ctx.Err() == nil {
		if echoes, err := Echoes(slave); err != nil || !echoes {
			return err
		}
		runtime.Gosched()
	}
	return ctx.Err()
}
