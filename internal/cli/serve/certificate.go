package serve

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateAge is how long a certificate is used without a look at its files.
const certificateAge = time.Second

// certificate is the one in a pair of files. What renews certificates writes them while the server
// runs, so they are looked at again by handshakes, and read where they changed. A pair that
// cannot be used, as when only one of its files is new, leaves the one before in use.
type certificate struct {
	files [2]string // the chain and its key
	log   *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	state  [2]os.FileInfo // of the files when they were read last
	looked time.Time
}

// load reads the files where they changed since the last time.
func (c *certificate) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refresh()
}

func (c *certificate) refresh() error {
	c.looked = time.Now()
	var state [2]os.FileInfo
	same := c.loaded != nil
	for i, name := range c.files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		state[i] = info
		same = same && os.SameFile(info, c.state[i]) && info.ModTime().Equal(c.state[i].ModTime()) && info.Size() == c.state[i].Size()
	}
	if same {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return err
	}
	c.loaded, c.state = &cert, state // the state from before the read: what is written meanwhile is read again
	return nil
}

// get is a tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= certificateAge {
		c.report(c.refresh())
	}
	return c.loaded, nil
}

// reload looks at the files at once: on SIGHUP.
func (c *certificate) reload() { c.report(c.load()) }

func (c *certificate) report(err error) {
	if err != nil {
		c.log.Warn("the certificate cannot be read again: the one before stays in use", "error", err.Error())
	}
}
