package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

const (
	maxTextBytes = 4096
	maxDuration  = 24 * time.Hour
	maxSize      = 1 << 40
)

// parseText takes one line of text. It never repeats the text in an error: a
// URL may hold a password.
func parseText(text string) (any, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("is empty; give it a value, or leave it out")
	case len(text) > maxTextBytes:
		return nil, fmt.Errorf("is longer than %d bytes", maxTextBytes)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return nil, errors.New("holds control characters, or is not UTF-8")
	}
	return text, nil
}

// parseStore does not repeat the text either: somebody may take the key for
// the place of a credential.
func parseStore(text string) (any, error) {
	if text != "keyring" && text != "file" {
		return nil, errors.New("is neither keyring nor file")
	}
	return text, nil
}

// number is a whole one.
func number(low, high int) kind {
	return kind{tags: []string{"!!int"}, parse: func(text string) (any, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%.40q is not a whole number", text)
		}
		if n < low || n > high {
			return nil, fmt.Errorf("%d is not between %d and %d", n, low, high)
		}
		return n, nil
	}}
}

// duration has a unit, except for 0.
func duration(low time.Duration) kind {
	return kind{tags: []string{"!!str", "!!int"}, parse: func(text string) (any, error) {
		if n, err := strconv.Atoi(text); err == nil && n != 0 {
			return nil, fmt.Errorf("%.40q has no unit; write 30s or 5m, for example", text)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%.40q is not a duration such as 30s or 5m", text)
		}
		if d < low || d > maxDuration {
			return nil, fmt.Errorf("%.40q is not between %v and %v", text, low, maxDuration)
		}
		return d, nil
	}}
}

// parseSize takes bytes, or 1GB (powers of 1000), or 512MiB (powers of 1024).
func parseSize(text string) (any, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a size such as 512MiB, 1GB or 1048576", text)
	}
	if n < 1 || n > maxSize {
		return nil, fmt.Errorf("%.40q is not between 1 byte and 1TiB", text)
	}
	return int64(n), nil
}

// formatSize is exact, unlike what humanize prints.
func formatSize(n int64) string {
	units := []string{"", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; i < len(units)-1 && n >= 1024 && n%1024 == 0; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + units[i]
}

func parseBool(text string) (any, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return nil, fmt.Errorf("%.40q is neither true nor false", text)
	}
	return b, nil
}

// choice is one of a few words.
func choice(allowed ...string) kind {
	return kind{tags: []string{"!!str"}, parse: func(text string) (any, error) {
		if !slices.Contains(allowed, text) {
			return nil, fmt.Errorf("%.40q is none of %s", text, strings.Join(allowed, ", "))
		}
		return text, nil
	}}
}
