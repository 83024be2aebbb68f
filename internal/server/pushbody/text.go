package pushbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// checkPayload refuses what the reference server has no good answer for, and
// what no reader of the journal could take. A payload is an object, null, or a
// string that holds either as JSON text, with the same rule for its project
// member as there. Source: account-server.md 4.1 and 10.
func checkPayload(raw []byte) error {
	if raw == nil {
		return errors.New("payload is missing")
	}
	if err := checkEncoded(raw); err != nil {
		return errors.New("payload " + err.Error())
	}
	object := raw
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		object = bytes.Trim([]byte(text), " \t\r\n")
	}
	isObject := len(object) > 0 && object[0] == '{' && json.Valid(object)
	if !isObject && string(object) != "null" {
		return errors.New("payload must be an object, a string that holds one, or null")
	}
	var known struct{ Project *string }
	if err := json.Unmarshal(object, &known); err != nil {
		return errors.New("the payload's project must be a string")
	}
	return nil
}

// decodeText gives the string that raw is. As on the reference server, absent
// and null are "".
func decodeText(name string, raw []byte) (string, error) {
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	if raw[0] != '"' {
		return "", errors.New(name + " must be a string")
	}
	if err := checkEncoded(raw); err != nil {
		return "", errors.New(name + " " + err.Error())
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

// checkEncoded says what is wrong with the strings in a JSON value.
func checkEncoded(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("is not valid UTF-8")
	}
	err := jsonscan.CheckEscapes(raw)
	switch {
	case errors.Is(err, jsonscan.ErrNul):
		return errors.New("contains a NUL character")
	case err != nil:
		return errors.New("contains a lone surrogate")
	}
	return nil
}
