package pages

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parsers read the blocks that are data.
var parsers = map[string]func(text string) error{
	"yaml": func(text string) error {
		return each(yaml.NewDecoder(strings.NewReader(text)).Decode)
	},
	"json": func(text string) error {
		return each(json.NewDecoder(strings.NewReader(elided.Replace(text))).Decode)
	},
	"xml": func(text string) error {
		decoder := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := decoder.Token(); err != nil {
				return ended(err)
			}
		}
	},
}

// elided takes out what stands for more members.
var elided = strings.NewReplacer("{…}", "{}", ", …}", "}", "[…]", "[]", ",…]", "]", ", …]", "]")

// each reads all documents of a stream.
func each(decode func(any) error) error {
	for n := 0; ; n++ {
		var value any
		if err := decode(&value); err != nil {
			if err = ended(err); err == nil && n == 0 {
				return errors.New("there is nothing in it")
			}
			return err
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// onlyShown are the languages of blocks that nothing can be done with.
var onlyShown = map[string]bool{
	"": true, "text": true, "mermaid": true, "cron": true, "ini": true, "nginx": true, "caddyfile": true,
	"powershell": true, "dockerfile": true, "diff": true, "markdown": true, "go": true,
}

// parse reads a block of data.
func parse(b Block) error {
	if err := parsers[b.Lang](b.Text); err != nil {
		return fmt.Errorf("%s: this is no %s: %w", b.where(), b.Lang, err)
	}
	return nil
}
