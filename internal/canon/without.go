package canon

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Without gives the chunk without the rows that are named, and without the
// members that are named as a whole. The other rows keep their bytes and
// their order, and so does every other member's value.
func Without(data []byte, refused []RowError) ([]byte, error) {
	members, err := parse(data)
	if err != nil {
		return nil, err
	}
	left := map[string]map[int]bool{}
	for _, r := range refused {
		if left[r.List] == nil {
			left[r.List] = map[int]bool{}
		}
		left[r.List][r.Index] = true
	}
	for list, out := range left {
		if out[-1] {
			delete(members, list)
			continue
		}
		if members[list], err = leaveOut(members[list], out); err != nil {
			return nil, fmt.Errorf("leave out rows of %.40q: %w", list, err)
		}
	}
	return joinMembers(members), nil
}

func leaveOut(list json.RawMessage, out map[int]bool) (json.RawMessage, error) {
	var rows, kept []json.RawMessage
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if !out[i] {
			kept = append(kept, row)
		}
	}
	return joinRows(kept), nil
}

func joinRows(rows []json.RawMessage) json.RawMessage {
	text := []byte{'['}
	for i, row := range rows {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, row...)
	}
	return append(text, ']')
}

func joinMembers(members map[string]json.RawMessage) []byte {
	enc := encoder{out: []byte{'{'}}
	for i, key := range slices.Sorted(maps.Keys(members)) {
		enc.name(i, key)
		enc.out = append(enc.out, members[key]...)
	}
	return append(enc.out, '}')
}
