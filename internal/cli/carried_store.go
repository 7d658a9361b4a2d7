package cli

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

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
