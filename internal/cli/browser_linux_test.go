package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// ofItsMaker are hosts that Chromium talks to on its own account, whatever it shows and is told.
var ofItsMaker = regexp.MustCompile(`(^|\.)(google|googleapis|gvt1)\.com(:\d+)?$`)

// browser is Debian's Chromium without a window. All that it asks for beyond loopback comes to a proxy of ours, which notes it.
type browser struct {
	t       *testing.T
	program string
	proxy   string

	mu    sync.Mutex
	asked []string
}

// newBrowser finds it. The gate brings it; elsewhere it may be missing.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes long to start")
	}
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("ENGRAM_SYNC_TEST_BROWSER") == "" {
		t.Skip("there is no chromium here")
	} else if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, program: program}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !ofItsMaker.MatchString(r.Host) {
			b.asked = append(b.asked, r.Method+" "+r.Host+r.URL.Path)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	b.proxy = proxy.URL
	return b
}

// flags are those of every run.
func (b *browser) flags(home string) []string {
	return []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability", "--metrics-recording-only",
		"--disable-features=OptimizationHints,MediaRouter,Translate,DialMediaRouteProvider",
		"--user-data-dir=" + filepath.Join(home, "profile"), "--proxy-server=" + b.proxy,
	}
}

// run opens an address, and gives what Chromium prints. It has a home of its own, and may not phone home.
func (b *browser) run(width, height int, address string, args ...string) string {
	b.t.Helper()
	home := b.t.TempDir()
	args = append(args, "--timeout=20000", fmt.Sprintf("--window-size=%d,%d", width, height), address)
	cmd := exec.CommandContext(b.t.Context(), b.program, append(b.flags(home), args...)...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = 10 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("chromium %s: %v\n%s", address, err, errs.String())
	}
	return out.String()
}

// text is a page as Chromium understands it.
func (b *browser) text(address string) string {
	b.t.Helper()
	return b.run(1280, 800, address, "--dump-dom")
}

// picture is a page as it looks.
func (b *browser) picture(width, height int, address string, args ...string) image.Image {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "picture.png")
	b.run(width, height, address, append(args, "--screenshot="+path)...)
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	if size := p.Bounds().Size(); size.X != width || size.Y != height {
		b.t.Errorf("the picture of %s is %v", address, size)
	}
	return p
}

// coloursOf counts the colours of a picture, those of most points first.
func coloursOf(p image.Image) (all []color.Color, points map[color.Color]int) {
	points = map[color.Color]int{}
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			points[p.At(x, y)]++
		}
	}
	for c := range points {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.Color) int {
		r, g, bl, _ := a.RGBA()
		r2, g2, bl2, _ := b.RGBA()
		return cmp.Or(cmp.Compare(points[b], points[a]), cmp.Compare(r<<16+g+bl, r2<<16+g2+bl2))
	})
	return all, points
}

// keepPicture writes a picture into docs/pictures, with the 64 colours that most of it has.
func keepPicture(t *testing.T, name string, p image.Image) {
	t.Helper()
	colours, _ := coloursOf(p)
	few := image.NewPaletted(p.Bounds(), colours[:min(len(colours), 64)])
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			few.Set(x, y, p.At(x, y))
		}
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := errors.Join(encoder.Encode(&b, few), os.WriteFile(filepath.Join("..", "..", "docs", "pictures", name), b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestBrowserShowsPages: a browser shows the pages with their style, at the widths of a phone and a desk, light and dark, and asks for
// nothing elsewhere. With -update the pictures of docs/pictures are made anew.
func TestBrowserShowsPages(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	u := newUser(t, "", "")
	address, end := u.browse("--dir", fixtures.ChunkDir("1.16.1"))
	for path, words := range map[string][]string{
		"":                               {"Decision b.3.1 &lt;b&gt;&amp;", `<rect class="observation"`, ">a56e2fd4<"},
		"search?q=decision":              {"<mark>Decision</mark> b.3.4"},
		"memory?id=obs-55742ccbf260eb27": {"changed title, content", "<ins>+ "},
	} {
		text := b.text(address + path)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q shows no %q: %s", path, w, text)
			}
		}
	}
	end()

	dir := filepath.Join(t.TempDir(), ".engram")
	id, err := storeChunk(dir, []byte(`{"sessions":[],"observations":[{"sync_id":"o","type":"note","title":"<img src=http://tracker.example/a>","content":"`+
		`<link rel=stylesheet href=http://tracker.example/b><script src=http://tracker.example/c></script><style>@import url(http://tracker.example/d)</style>![x](http://tracker.example/e)"}],"prompts":[]}`))
	if err := errors.Join(err, storeManifest(dir, []string{id})); err != nil {
		t.Fatal(err)
	}
	address, end = u.browse("--dir", dir)
	if text := b.text(address + "memory?id=o"); !strings.Contains(text, "&lt;script src=http://tracker.example/c&gt;") {
		t.Error(text)
	}
	end()

	dir = filepath.Join(u.where, ".engram")
	memory := tidewatchTeam(t, dir)
	address, end = u.browse("--dir", dir)
	defer end()
	memory = address + "memory?id=" + url.QueryEscape(memory)
	plotted := color.NRGBA{0x0b, 0x6b, 0xcb, 0xff} // of memories, in the style sheet
	for name, shot := range map[string]struct {
		width, height int
		address       string
		background    color.NRGBA
		args          []string
	}{
		"browse-phone.png":  {390, 844, address, color.NRGBA{0xff, 0xff, 0xff, 0xff}, nil},
		"browse.png":        {1280, 800, address, color.NRGBA{0xff, 0xff, 0xff, 0xff}, nil},
		"browse-memory.png": {1280, 800, memory, color.NRGBA{0x0d, 0x11, 0x17, 0xff}, []string{"--blink-settings=preferredColorScheme=0"}},
	} {
		p := b.picture(shot.width, shot.height, shot.address, shot.args...)
		colours, points := coloursOf(p)
		at := func(c color.NRGBA) (n int) {
			for _, other := range colours {
				if color.NRGBAModel.Convert(other) == c {
					n += points[other]
				}
			}
			return n
		}
		if at(shot.background) < shot.width*shot.height/2 || len(colours) < 20 {
			t.Errorf("%s has %d colours, and %d points of its background", name, len(colours), at(shot.background))
		}
		if shot.address == address && at(plotted) < 500 {
			t.Errorf("%s has no plot: %d points", name, at(plotted))
		}
		if *update {
			keepPicture(t, name, p)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) > 0 {
		t.Errorf("it asked for %v", b.asked)
	}
}

// tidewatchTeam writes the chunks of two people who work for some weeks, and gives the id of a memory with a history.
func tidewatchTeam(t *testing.T, dir string) (id string) {
	t.Helper()
	kinds := []string{"decision", "bugfix", "architecture", "config", "pattern"}
	titles := []string{
		"Gauges report in millimetres", "Fog alarm rang twice", "Readings go through one queue", "Serial port settings", "Retries wait longer each time",
		"Tide tables are read once a day", "The log of a night is one file", "Harbour clock is UTC", "Battery level below 20 % is told", "Sensors have names, not numbers",
	}
	var entries []map[string]any
	day := time.Date(2026, 10, 5, 9, 12, 0, 0, time.UTC)
	for n := range 26 {
		day = day.AddDate(0, 0, 1+n%3)
		at := day.Format("2006-01-02 15:04:05")
		session := fmt.Sprintf("s-%02d", n)
		summary := "Worked on " + titles[n%len(titles)] + "."
		rows := engram.ChunkRows{Sessions: []engram.Session{{ID: session, Project: "tidewatch", Directory: "/home/dev/tidewatch", StartedAt: at, Summary: &summary}}}
		for m := range 1 + n*7%4 {
			title := titles[(n*3+m)%len(titles)]
			content := "**What**: " + title + ".\n**Why**: it was asked for in the review of week " + fmt.Sprint(1+n/4) + ".\n**Where**: `internal/gauge/read.go`\n\n- tested at the pier\n- told to the team\n"
			id := fmt.Sprintf("obs-%02d-%d", n, m)
			if title == titles[0] { // the one that is changed again and again
				id = "obs-gauges"
				content += fmt.Sprintf("- seen in %d gauges\n", 3+n)
			}
			rows.Observations = append(rows.Observations, engram.Observation{
				SyncID: id, SessionID: session, Type: kinds[(n+m)%len(kinds)], Title: title, Content: content, Scope: "project", CreatedAt: at, UpdatedAt: at,
			})
		}
		if n%2 == 0 {
			rows.Prompts = []engram.Prompt{{SyncID: "prompt-" + session, SessionID: session, Content: "why does the alarm ring twice?", Project: "tidewatch", CreatedAt: at}}
		}
		text, err := engram.EncodeChunk(rows)
		if err != nil {
			t.Fatal(err)
		}
		chunk, err := storeChunk(dir, text)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, map[string]any{
			"id": chunk, "created_by": []string{"dev-ana", "dev-bo"}[n%2], "created_at": day.Format(time.RFC3339), "sessions": 1, "memories": len(rows.Observations), "prompts": len(rows.Prompts),
		})
	}
	manifest, err := json.Marshal(map[string]any{"version": 1, "chunks": entries})
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o600)); err != nil {
		t.Fatal(err)
	}
	return "obs-gauges"
}
