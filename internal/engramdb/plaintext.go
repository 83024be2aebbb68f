package engramdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// PlaintextTokens names the columns in which the database holds a token in plain text,
// as 1.16.1 leaves one there from cloud.json. Errors: those of Open. Source: local-state.md 4.
func (db *DB) PlaintextTokens(ctx context.Context) (columns []string, err error) {
	err = db.read(ctx, func(ctx context.Context, v *view) error {
		columns = nil // it may be called again
		const table, column = "cloud_upgrade_state", "snapshot_json"
		present, err := v.columnsOf(ctx, table)
		if err != nil || !present[column] {
			return err
		}
		return v.query(ctx, func(scan func(...any) error) error {
			var text []byte
			err := scan(&text)
			if name := table + "." + column; holdsToken(text) && !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
			return err
		}, "SELECT "+column+" FROM "+table+" WHERE "+column+" LIKE '%token%' AND length("+column+") < 1000000")
	})
	if err != nil {
		return nil, fmt.Errorf("look for tokens in engram's database: %w", err)
	}
	return columns, nil
}

// holdsToken looks for a member that names a token, also in JSON that is text in JSON.
func holdsToken(text []byte) bool {
	var value any
	return json.Unmarshal(text, &value) == nil && tokenIn(value)
}

func tokenIn(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if secret, ok := member.(string); ok && secret != "" && (name == "token" || name == "refresh_token") || tokenIn(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, tokenIn)
	case string:
		return holdsToken([]byte(v))
	}
	return false
}
