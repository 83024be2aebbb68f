package engram

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// refuseVariant refuses a name that differs from a known one only in letter
// case: engram reads both as the same member.
func refuseVariant(name string, known []string) error {
	if k := jsonscan.Alike(name, known); k != "" {
		return fmt.Errorf("%q is another spelling of %q", name, k)
	}
	return nil
}

// maxEntryMembers bounds one entry: members are compared with each other.
const maxEntryMembers = 64

func splitObject(text []byte) ([]jsonscan.Member, error) {
	return jsonscan.Split(text, jsonscan.Object, maxEntryMembers)
}

func stringOf(value []byte) (string, error) {
	if len(value) == 0 || value[0] != '"' {
		return "", errors.New("not a string")
	}
	return jsonscan.Unquote(value[1 : len(value)-1])
}

func countOf(value []byte) (int, error) {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%.40s is not a count", value)
	}
	return int(n), nil
}
