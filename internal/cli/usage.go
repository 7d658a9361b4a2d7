package cli

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// usageError says that a command line cannot be understood.
func usageError(cmd *cobra.Command, message string) *ui.Error {
	return &ui.Error{
		Message: message,
		Cause:   errors.New("usage: " + cmd.UseLine()),
		Hints:   []string{"run " + cmd.CommandPath() + " --help"},
		Code:    ui.ExitUsage,
	}
}

// flagError explains a flag that cobra cannot read. The library repeats the value in its
// message; the value may be a secret that was given by mistake, so it is left out.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if errors.Is(invalid, errEmpty) {
			return usageError(cmd, "--"+invalid.GetFlag().Name+" is empty")
		}
		return usageError(cmd, "--"+invalid.GetFlag().Name+" has a value it cannot take"+reasonOf(invalid)+secret.AndGiven(invalid.GetValue()))
	}
	var missing *pflag.ValueRequiredError
	if errors.As(err, &missing) {
		return usageError(cmd, "--"+missing.GetSpecifiedName()+" needs a value")
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		given := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			given = "-" + unknown.GetSpecifiedName()
		}
		failure := usageError(cmd, "unknown flag "+shown(given))
		failure.Hints = append(suggestFlags(cmd, unknown.GetSpecifiedName()), failure.Hints...)
		return failure
	}
	return usageError(cmd, "a flag cannot be read")
}

// formError says which form the value of a flag has. It never has the value in it.
type formError string

// Error returns the form: "it must be …".
func (e formError) Error() string { return string(e) }

// reasonOf says what is wrong with the value of a flag, without the value.
func reasonOf(err *pflag.InvalidValueError) string {
	var form formError
	switch kind := err.GetFlag().Value.Type(); {
	case errors.As(err, &form):
		return ": " + form.Error()
	case kind == "duration":
		return ": it must be a time with its unit, such as 90s or 5m"
	case kind == "int" && errors.Is(err, strconv.ErrSyntax):
		return ": it must be a whole number"
	case errors.Is(err, strconv.ErrSyntax):
		return ": it is not of the right form"
	case errors.Is(err, strconv.ErrRange):
		return ": it is too large"
	case errors.Is(err, secret.ErrVersion):
		return ": it must be a plain whole number, 0 or more"
	}
	return ""
}

// maxShown is the most characters of an argument that an error repeats. Names of commands,
// kinds and flags are short; secrets are not.
const maxShown = 20

// shown quotes an argument for an error, unless it could be a secret.
func shown(arg string) string {
	if utf8.RuneCountInString(arg) > maxShown {
		return "(" + strconv.Itoa(utf8.RuneCountInString(arg)) + " characters, not shown)"
	}
	return strconv.Quote(arg)
}

// shownName quotes the name of a table or a column for an error, unless it could
// be a secret.
func shownName(name string) string {
	if secret.Resembles(name) {
		return "(" + strconv.Itoa(utf8.RuneCountInString(name)) + " characters, not shown)"
	}
	return strconv.Quote(name)
}

// noArgs refuses positional arguments. It replaces cobra.NoArgs, whose message repeats the
// argument.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.HasAvailableSubCommands() {
		return unknownCommand(cmd, args[0])
	}
	if len(args) > 0 {
		return usageError(cmd, cmd.CommandPath()+" takes no argument, and "+shown(args[0])+" was given")
	}
	return nil
}
