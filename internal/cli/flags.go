package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/nearest"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// flagError says of a flag that cannot be followed what it takes, in no programmer's words.
func flagError(cmd *cobra.Command, err error) error {
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: inWords(cmd, err)}
}

func inWords(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		switch short := unknown.GetSpecifiedShortnames(); {
		case len(short) == 1:
			return fmt.Errorf("unknown flag -%s", short)
		case short != "":
			return fmt.Errorf("unknown flag -%.1s in -%s", unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames())
		}
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				flags = append(flags, f.Name)
			}
		})
		written, meant := unknown.GetSpecifiedName(), ""
		if near := nearest.Of(written, flags); len(near) > 0 {
			meant = ": did you mean --" + strings.Join(near, " or --")
		}
		return fmt.Errorf("unknown flag --%s%s", written, meant)
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		argument, _ := pflag.UnquoteUsage(bare.GetFlag())
		return fmt.Errorf("--%s needs a value: --%[1]s %s", bare.GetFlag().Name, argument)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s %s: %q", invalid.GetFlag().Name, refusal(invalid), invalid.GetValue())
	}
	if odd, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return fmt.Errorf("%s is no flag", odd.GetSpecifiedFlag())
	}
	return err
}

// refusal is why a flag does not take the value. Values of our own say it themselves.
func refusal(invalid *pflag.InvalidValueError) string {
	switch invalid.GetFlag().Value.Type() {
	case "int", "int64":
		return "takes a whole number"
	case "duration":
		return "takes a time such as 30s, 5m or 2h"
	case "bool":
		return "takes true or false"
	}
	return invalid.Unwrap().Error()
}
