package docs

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestIssueForms reads the forms as GitHub does, which shows a broken one to nobody: it leaves it out.
func TestIssueForms(t *testing.T) {
	forms, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	if err != nil || len(forms) == 0 {
		t.Fatalf("no forms: %v", err)
	}
	for _, path := range forms {
		if filepath.Base(path) == "config.yml" {
			continue
		}
		var form struct {
			Name, Description string
			Labels            []string
			Body              []struct {
				Type, ID   string
				Attributes struct {
					Label, Description, Placeholder, Render, Value string
				}
				Validations struct{ Required bool }
			}
		}
		decoder := yaml.NewDecoder(strings.NewReader(read(t, path)))
		decoder.KnownFields(true)
		if err := decoder.Decode(&form); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if form.Name == "" || form.Description == "" {
			t.Errorf("%s has no name or description", path)
		}
		var ids []string
		bundle := false
		for _, part := range form.Body {
			bundle = bundle || strings.Contains(part.Attributes.Description, "engram-sync doctor --bundle")
			switch part.Type {
			case "markdown":
				continue
			case "input", "textarea":
			default:
				t.Errorf("%s has a part of type %q", path, part.Type)
			}
			if part.ID == "" || slices.Contains(ids, part.ID) || part.Attributes.Label == "" {
				t.Errorf("%s: the part %q needs an id of its own, and a label", path, part.ID)
			}
			ids = append(ids, part.ID)
		}
		if !bundle {
			t.Errorf("%s does not ask for the doctor's report", path)
		}
	}
}
