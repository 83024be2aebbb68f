package docs

import (
	"encoding/xml"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPictures holds the pictures to what everybody can look at: small, with their words in them, for a light and a
// dark page, and nothing in them that runs or is fetched from elsewhere. What the recordings show is compared with a
// real run by scripts/pictures.sh --check.
func TestPictures(t *testing.T) {
	pictures, err := filepath.Glob("pictures/*.svg")
	if err != nil || len(pictures) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for _, path := range pictures {
		text := read(t, path)
		if len(text) > 100_000 {
			t.Errorf("%s has %d bytes", path, len(text))
		}
		if !strings.Contains(text, "prefers-color-scheme: dark") {
			t.Errorf("%s has no colours for a dark page", path)
		}
		var picture struct {
			Title string `xml:"title"`
			Words string `xml:"desc"`
		}
		if err := xml.Unmarshal([]byte(text), &picture); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if picture.Title == "" || len(picture.Words) < 100 || strings.Contains(picture.Words, "@") {
			t.Errorf("%s does not say in words what it shows: %q, %q", path, picture.Title, picture.Words)
		}
		for _, foreign := range foreignParts(t, text) {
			t.Errorf("%s has %s", path, foreign)
		}
	}
}

// TestScreenshots holds the pictures of pages to a size that a page can bear.
func TestScreenshots(t *testing.T) {
	pictures, err := filepath.Glob("pictures/*.png")
	if err != nil || len(pictures) != 4 {
		t.Fatalf("the pictures are %v: %v", pictures, err)
	}
	for _, path := range pictures {
		if size := len(read(t, path)); size > 60_000 {
			t.Errorf("%s has %d bytes", path, size)
		}
	}
}

// foreignParts are the parts of a picture that run, or lead out of it.
func foreignParts(t *testing.T, picture string) []string {
	t.Helper()
	var found []string
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := d.Token()
		if err != nil {
			break // TestPictures has read it before
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "foreignObject", "image", "a"}, element.Name.Local) {
			found = append(found, element.Name.Local)
		}
		for _, attr := range element.Attr {
			leads := attr.Name.Local == "href" && !strings.HasPrefix(attr.Value, "#")
			if leads || strings.HasPrefix(attr.Name.Local, "on") {
				found = append(found, attr.Name.Local+"="+attr.Value)
			}
		}
	}
	return found
}
