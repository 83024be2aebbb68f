package terminal

import "regexp"

// aCommand is a command line of engram-sync or git that a message names between backquotes.
var aCommand = regexp.MustCompile("`(?:engram-sync|git) [^`]+`")

// Completing lets every command that a message names have what complete adds to it: it is to be typed as it stands.
func (t *Terminal) Completing(complete func(command string) string) { t.complete = complete }

// Typed is a message of ours with the commands that it names as the user would have to type them. Fail, warnings, notes,
// Confirm, and tables without a header do it themselves.
func (t *Terminal) Typed(message string) string {
	if t.complete == nil {
		return message
	}
	return aCommand.ReplaceAllStringFunc(message, func(named string) string {
		return "`" + t.complete(named[1:len(named)-1]) + "`"
	})
}
