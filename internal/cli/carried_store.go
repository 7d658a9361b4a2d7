package cli

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// envFileStore marks a flag --store whose default is the env file that was read.
const envFileStore = "ocmt-env-file-store"

// markEnvFileStore marks --store of a command that cannot work without a store.
func markEnvFileStore(flags *pflag.FlagSet) {
	_ = flags.SetAnnotation("store", envFileStore, []string{"true"}) // it fails only for a flag that is not there
}

// storeCarrier names in advice the store that a command needs where no env file was read: without it, a command that is
// pasted is refused. The zero value names none.
type storeCarrier struct {
	needed  bool
	command *cobra.Command // that is run
	given   string         // the store of that command, as it was typed; "" for none
}

// newStoreCarrier returns the carrier behind a command whose settings were read.
func newStoreCarrier(cmd *cobra.Command, settings *config.Settings) storeCarrier {
	carried := storeCarrier{needed: envFileOf(settings) == "", command: cmd}
	if flag := cmd.Flag("store"); flag != nil {
		carried.given = flag.Value.String()
	}
	return carried
}

// givenStore finds --store in a command.
var givenStore = regexp.MustCompile(`\s--store(?:[^a-z-]|$)`)

// missing returns --store where a command needs it and lacks it, by what stands behind its name. Another command can
// need another store than the one that was typed, but for the commands of a key's story.
func (s storeCarrier) missing(cmd *cobra.Command, own string) string {
	flag := cmd.Flag("store")
	if !s.needed || flag == nil || flag.Annotations[envFileStore] == nil || givenStore.MatchString(own) {
		return ""
	}
	named := "STORE"
	if s.given != "" && (cmd == s.command || storeCommand.MatchString(cmd.CommandPath()) && storeCommand.MatchString(s.command.CommandPath())) {
		named = ui.Clean(quoteWord(s.given))
	}
	return " " + ui.Unbroken("--store "+named)
}

// storeCommand finds the commands of a key's story that work on a store.
var storeCommand = regexp.MustCompile(`ocmt rotate (?:begin|put-back|finish|status)\b`)

// carryStore returns advice with --store behind each command that needs it, as it was given.
func carryStore(advice string, flag storeFlag) string {
	if flag.path == "" {
		return advice
	}
	return storeCommand.ReplaceAllStringFunc(advice, func(command string) string { return command + " --store " + quoteWord(flag.String()) })
}

// carryStoreInSteps returns steps whose commands name the store.
func carryStoreInSteps(steps []rotation.Step, flag storeFlag) []rotation.Step {
	carried := slices.Clone(steps)
	for i := range carried {
		carried[i].Command = carryStore(carried[i].Command, flag)
	}
	return carried
}

// carryStoreInError explains an error with advice that names the store.
func carryStoreInError(err error, flag storeFlag) error {
	var explained *ui.Error
	if flag.path == "" || err == nil || !errors.As(explain(err), &explained) {
		return err
	}
	carried := *explained
	carried.Hints, carried.Findings = slices.Clone(carried.Hints), slices.Clone(carried.Findings)
	for i := range carried.Hints {
		carried.Hints[i] = carryStore(carried.Hints[i], flag)
	}
	for i := range carried.Findings {
		carried.Findings[i].Fix = carryStore(carried.Findings[i].Fix, flag)
	}
	return &carried
}

// findRecordedStore returns the store that the key of the last rotation was put in, where that was on this
// machine and what was looked at here has no key; else the zero value.
func findRecordedStore(view rotation.View, host string) (flag storeFlag) {
	if view.Store != nil && view.Store.Keys[view.Store.Version] != "" {
		return flag
	}
	for _, key := range slices.Backward(view.Keys) {
		if key.Begun == nil {
			continue
		}
		if key.Begun.Host == host {
			flag = storeOfPlace(key.Begun.Store)
		}
		break
	}
	return flag
}

// storeOfPlace returns the flag for a store by the name that it gives itself, the zero value for another name.
func storeOfPlace(place string) storeFlag {
	for kind, prefix := range map[string]string{storeEnvFile: "env file ", storeFolder: "folder "} {
		quoted, found := strings.CutPrefix(place, prefix)
		if path, err := strconv.Unquote(quoted); found && err == nil {
			return storeFlag{kind: kind, path: path}
		}
	}
	return storeFlag{}
}
