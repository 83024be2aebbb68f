package faults

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how much a connection holds that nobody has read yet, as the buffers of
// the kernel do: who writes more waits.
const window = 64 << 10

// half is one direction of a connection.
type half struct {
	mu     sync.Mutex
	moved  sync.Cond
	bytes  []byte
	ended  bool // the writer writes no more
	unread bool // the reader reads no more
	broken bool // reset: what was under way is lost
}

func newHalf() *half {
	h := &half{}
	h.moved.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.unread:
			return 0, net.ErrClosed
		case h.broken:
			return 0, failed("read", syscall.ECONNRESET)
		case len(h.bytes) > 0:
			n := copy(p, h.bytes)
			h.bytes = h.bytes[n:]
			h.moved.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.moved.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.ended:
			return n, net.ErrClosed
		case h.broken:
			return n, failed("write", syscall.ECONNRESET)
		case h.unread:
			return n, failed("write", syscall.EPIPE)
		case len(p) == 0:
			return n, nil
		}
		if some := min(window-len(h.bytes), len(p)); some > 0 {
			h.bytes = append(h.bytes, p[:some]...)
			n, p = n+some, p[some:]
			h.moved.Broadcast()
			continue
		}
		h.moved.Wait()
	}
}

// set changes a half under its lock.
func (h *half) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	h.moved.Broadcast()
}

// conn is one end of a connection in memory that fails as TCP does. It has no deadlines:
// nobody here sets any.
type conn struct {
	in, out *half
	to      net.Addr
}

// pipe makes the two ends of a connection.
func pipe(to net.Addr) (client, server *conn) {
	up, down := newHalf(), newHalf()
	return &conn{down, up, to}, &conn{up, down, to}
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	c.out.set(func() { c.out.ended = true })
	c.in.set(func() { c.in.unread = true })
	return nil
}

// reset ends both at once, and what is under way is lost.
func (c *conn) reset() {
	for _, h := range []*half{c.in, c.out} {
		h.set(func() { h.broken, h.bytes = true, nil })
	}
}

// gone waits until the other end reads no more.
func (c *conn) gone() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for !c.out.unread && !c.out.broken && !c.out.ended {
		c.out.moved.Wait()
	}
}

func (c *conn) LocalAddr() net.Addr              { return c.to }
func (c *conn) RemoteAddr() net.Addr             { return c.to }
func (c *conn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *conn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// failed is an error as package net gives it.
func failed(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)}
}

// emptied waits until the other end has read what was written, or went away.
func (c *conn) emptied() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for len(c.out.bytes) > 0 && !c.out.unread && !c.out.broken {
		c.out.moved.Wait()
	}
}
