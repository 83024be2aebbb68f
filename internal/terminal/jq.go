package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
)

// compileJQ gives a filter that prints each result of a jq expression on a line of its own: texts as they are, all else as
// JSON, as gh does. The expression sees no environment and no files.
func compileJQ(expression string) (filter, error) {
	query, err := gojq.Parse(expression)
	if wrong, ok := errors.AsType[*gojq.ParseError](err); ok && wrong.Token == "" {
		return nil, errors.New("it ends too early")
	} else if ok {
		return nil, fmt.Errorf("it goes wrong at %q, byte %d", wrong.Token, wrong.Offset)
	}
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w io.Writer, doc any) error {
		results := code.RunWithContext(ctx, doc)
		for {
			result, more := results.Next()
			if !more {
				return nil
			}
			switch result := result.(type) {
			case *gojq.HaltError:
				if result.Value() == nil {
					return nil
				}
				return result
			case error:
				return result
			case string:
				fmt.Fprintln(w, result)
			case json.Number:
				fmt.Fprintln(w, result.String())
			default:
				text, err := gojq.Marshal(result)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\n", text)
			}
		}
	}, nil
}
