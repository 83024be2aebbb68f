package recorded

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Body is what a request carried. Large ones are kept as a recipe.
type Body struct {
	parts []part
	// Size and SHA256 are those of a body that is kept as a recipe, else 0 and "".
	Size   int
	SHA256 string
}

// part is a text, once or several times, or a format with each number from From up to To.
type part struct {
	Text   string `json:"text"`
	Times  *int   `json:"times"`
	Format string `json:"format"`
	From   int    `json:"from"`
	To     int    `json:"to"`
}

// UnmarshalJSON implements json.Unmarshaler: a text or a recipe.
func (b *Body) UnmarshalJSON(text []byte) error {
	var recipe struct {
		Repeat []json.RawMessage `json:"repeat"`
		Size   int               `json:"size"`
		SHA256 string            `json:"sha256"`
	}
	if text[0] != '{' {
		recipe.Repeat = []json.RawMessage{text}
	} else if err := json.Unmarshal(text, &recipe); err != nil {
		return err
	}
	b.Size, b.SHA256 = recipe.Size, recipe.SHA256
	for _, raw := range recipe.Repeat {
		var p part
		target := any(&p)
		if raw[0] != '{' {
			target = &p.Text
		}
		if err := json.Unmarshal(raw, target); err != nil {
			return err
		}
		b.parts = append(b.parts, p)
	}
	return nil
}

// String is the body in whole, with names for secrets in it.
func (b Body) String() string {
	var text strings.Builder
	text.Grow(b.Size)
	for _, p := range b.parts {
		switch {
		case p.Format != "":
			for i := p.From; i < p.To; i++ {
				fmt.Fprintf(&text, p.Format, i)
			}
		case p.Times != nil:
			text.WriteString(strings.Repeat(p.Text, *p.Times))
		default:
			text.WriteString(p.Text)
		}
	}
	return text.String()
}

// Small is the same body with everything that is repeated standing there once.
func (b Body) Small() Body {
	small := Body{parts: slices.Clone(b.parts)}
	once := 1
	for i := range small.parts {
		if small.parts[i].Times != nil {
			small.parts[i].Times = &once
		}
	}
	return small
}
