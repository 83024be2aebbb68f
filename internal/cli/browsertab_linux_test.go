package cli

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tab is a page of a browser that somebody works with: it is told what to do over two pipes, in Chromium's own protocol.
type tab struct {
	t       *testing.T
	to      *os.File
	pipe    *os.File
	from    *bufio.Reader
	session string
	asked   int
}

// answer is what comes from Chromium: the answer to a call, or news.
type answer struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// open starts the browser with one tab of a size. name is a host that stands for 127.0.0.1, and for which no proxy is asked.
func (b *browser) open(width, height int, name string) *tab {
	b.t.Helper()
	home := b.t.TempDir()
	theirs, to, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	from, written, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), b.program, append(b.flags(home), "--remote-debugging-pipe", "--host-resolver-rules=MAP "+name+" 127.0.0.1",
		"--proxy-bypass-list="+name, fmt.Sprintf("--window-size=%d,%d", width, height), "about:blank")...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.ExtraFiles = []*os.File{theirs, written}
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	_, _ = theirs.Close(), written.Close() // they are Chromium's
	c := &tab{t: b.t, to: to, pipe: from, from: bufio.NewReaderSize(from, 1<<20)}
	b.t.Cleanup(func() {
		_, _ = fmt.Fprint(to, `{"id":1,"method":"Browser.close"}`+"\x00")
		_ = cmd.Wait() // however it ends
		_, _ = to.Close(), from.Close()
		for os.RemoveAll(filepath.Join(home, "profile")) != nil { // what it started may still write there
		}
	})
	var target struct {
		TargetID  string `json:"targetId"`
		SessionID string `json:"sessionId"`
	}
	c.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	c.call(&target, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	c.session = target.SessionID
	c.call(nil, "Page.enable", nil)
	c.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true})
	return c
}

// read gives what comes next.
func (c *tab) read() (a answer) {
	c.t.Helper()
	err := c.pipe.SetReadDeadline(time.Now().Add(time.Minute))
	text, readErr := c.from.ReadBytes(0)
	if err = errors.Join(err, readErr); err == nil {
		err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &a)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// call has Chromium do something.
func (c *tab) call(into any, method string, params map[string]any) {
	c.t.Helper()
	c.asked++
	text, err := json.Marshal(map[string]any{"id": c.asked, "method": method, "params": params, "sessionId": c.session})
	if c.session == "" {
		text, err = json.Marshal(map[string]any{"id": c.asked, "method": method, "params": params})
	}
	if err == nil {
		_, err = c.to.Write(append(text, 0))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	a := c.read()
	for a.ID != c.asked {
		a = c.read()
	}
	if a.Error != nil {
		c.t.Fatalf("%s: %s", method, a.Error.Message)
	}
	if into != nil {
		if err := json.Unmarshal(a.Result, into); err != nil {
			c.t.Fatal(err)
		}
	}
}

// loads does something that another page comes of, and waits for it.
func (c *tab) loads(method string, params map[string]any) {
	c.t.Helper()
	c.asked++
	text, err := json.Marshal(map[string]any{"id": c.asked, "method": method, "params": params, "sessionId": c.session})
	if err == nil {
		_, err = c.to.Write(append(text, 0))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for c.read().Method != "Page.loadEventFired" {
	}
}

// types writes into what has the focus.
func (c *tab) types(text string) {
	c.t.Helper()
	c.call(nil, "Input.insertText", map[string]any{"text": text})
}

func key(kind, name string, code int, text string) map[string]any {
	return map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}
}

// tabs goes on to the next field.
func (c *tab) tabs() {
	c.t.Helper()
	c.call(nil, "Input.dispatchKeyEvent", key("rawKeyDown", "Tab", 9, ""))
	c.call(nil, "Input.dispatchKeyEvent", key("keyUp", "Tab", 9, ""))
}

// enters sends the form.
func (c *tab) enters() {
	c.t.Helper()
	c.loads("Input.dispatchKeyEvent", key("keyDown", "Enter", 13, "\r"))
}

// does runs a script that is the test's, not the page's.
func (c *tab) does(script string) (result string) {
	c.t.Helper()
	var got struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
	}
	c.call(&got, "Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true})
	return got.Result.Value
}

// sees wants words on the page.
func (c *tab) sees(words ...string) {
	c.t.Helper()
	text := c.does("document.documentElement.outerHTML")
	for _, w := range words {
		if !strings.Contains(text, w) {
			c.t.Fatalf("%s shows no %q: %s", c.does("location.href"), w, text)
		}
	}
}

func (c *tab) picture() image.Image {
	c.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	c.call(&shot, "Page.captureScreenshot", map[string]any{"format": "png"})
	text, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// TestBrowserSignsIn: on a phone somebody signs in at a server, wrongly first, sees what they keep there, searches, and signs out.
// By a name that is none of loopback, too, over http: then a browser says less of where a form comes from.
func TestBrowserSignsIn(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	u := newUser(t, "", "")
	server, stop := u.serve("--data", t.TempDir())
	defer stop(syscall.SIGTERM)
	token, err := registerUser(server, "ana")
	if err != nil {
		t.Fatal(err)
	}
	ana := newUser(t, server, token)
	dir := filepath.Join(ana.where, ".engram")
	tidewatchTeam(t, dir)
	ana.run(0, "push", "--dir", dir)

	for _, host := range []string{"127.0.0.1", "engram.example"} {
		c := b.open(390, 844, "engram.example")
		c.loads("Page.navigate", map[string]any{"url": strings.Replace(server, "127.0.0.1", host, 1) + "/search?q=gauges"})
		c.sees("<h1>Sign in</h1>")
		c.types("ana")
		c.tabs()
		c.types("wrong horse")
		c.enters()
		c.sees("No account has this name and this password.")
		c.types("ana")
		c.tabs()
		c.types("correct horse")
		c.enters()
		c.sees("<mark>Gauges</mark> report in millimetres", "Sign out")
		if cookies := c.does("document.cookie"); cookies != "" {
			t.Errorf("a script gets %q", cookies)
		}
		c.loads("Runtime.evaluate", map[string]any{"expression": "document.querySelector('.home').click()"})
		c.sees("What was written when", `<rect class="observation"`)
		p := c.picture()
		colours, points := coloursOf(p)
		if white := points[colours[0]]; p.Bounds().Dx() != 390 || len(colours) < 20 || white < 390*844/2 || color.NRGBAModel.Convert(colours[0]) != (color.NRGBA{0xff, 0xff, 0xff, 0xff}) {
			t.Errorf("the picture has %d colours, and %d points of %v", len(colours), white, colours[0])
		}
		if *update && host == "127.0.0.1" {
			keepPicture(t, "serve-phone.png", p)
		}
		c.does("document.querySelector('#q').focus()")
		c.types("alarm")
		c.enters()
		c.sees("<mark>alarm</mark>")
		c.loads("Runtime.evaluate", map[string]any{"expression": "document.querySelector('form[action=sign-out] button').click()"})
		c.sees("<h1>Sign in</h1>")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) > 0 {
		t.Errorf("it asked for %v", b.asked)
	}
}
