package validation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// findNeverRead finds settings that stand where the component that they are for does not read them: in an env
// file that it never loads, or in that of another component.
func (c *checker) findNeverRead() {
	for _, one := range c.items {
		if one.side != c.sides[0] && one.side.Component == secret.Gateway || !one.isSet() || one.isVersion() || !one.side.Settings.InEnvFile(one.name) {
			continue
		}
		readers := readersOf(one.name)
		switch {
		case one.side.Component != "" && len(readers) > 0 && !slices.ContainsFunc(readers, func(r secret.Component) bool { return c.hasFile(r, one.side) }):
			c.found(one, finding.Finding{Code: finding.NeverRead, Severity: finding.Warning,
				Message: "stands in the file of " + nameOf(one.side.Component) + ", which never reads it; " + joinNames(readers) + " does",
				Fix:     "take it out of this file: whoever reads the file has the secret"})
		case one.place.NotFromFile && one.side == c.sides[0] && !c.isLoadedFor(one):
			c.found(one, finding.Finding{Code: finding.NeverRead, Severity: finding.Warning,
				Message: "stands in an env file, and " + nameOf(one.place.Component) + " loads none",
				Fix: "put it into the environment of " + nameOf(one.place.Component) +
					" (EnvironmentFile= of systemd, env_file: of compose), and name that file with --admin-env-file"})
		}
	}
}

// isLoadedFor reports whether the operator has said that something else loads the own env file into the environment
// of a setting's component.
func (c *checker) isLoadedFor(one *item) bool {
	other, given := c.input.other(one.place.Component)
	return given && other.File == one.side.File
}

// hasFile reports whether the env file of a side is that of a component, or something else loads it into the
// environment of that component, as the operator has said.
func (c *checker) hasFile(component secret.Component, side *Side) bool {
	other, given := c.input.other(component)
	return side.Component == component || given && other.File == side.File
}

// readersOf returns the components that read a setting.
func readersOf(setting string) (readers []secret.Component) {
	for _, kind := range allKinds() {
		isVersion := kind.VersionSetting != "" && (setting == kind.VersionSetting || strings.HasPrefix(setting, kind.OlderPrefix))
		for _, place := range kind.Places {
			if (place.Setting == setting || isVersion) && !slices.Contains(readers, place.Component) {
				readers = append(readers, place.Component)
			}
		}
	}
	return readers
}

// joinNames names components in a sentence.
func joinNames(components []secret.Component) string {
	names := make([]string, len(components))
	for i, component := range components {
		names[i] = nameOf(component)
	}
	return strings.Join(names, " or ")
}

// CheckFile finds a file with secrets that others can read. Docker and Kubernetes mount secrets
// readable by every account of the container, which has one account as a rule: there it
// is only worth a warning.
func CheckFile(file File) []finding.Finding {
	byOthers, byGroup := file.Mode&0o004 != 0, file.Mode&0o040 != 0
	if !file.Secret || !byOthers && !byGroup {
		return nil
	}
	found := finding.Finding{
		Where: file.Path, Code: finding.FileMode, Severity: finding.Error,
		Message: fmt.Sprintf("holds secrets and every account of this machine can read it (mode %04o)", file.Mode),
		Fix:     "chmod 600 " + strconv.Quote(file.Path),
	}
	if !byOthers {
		found.Severity = finding.Warning
		found.Message = fmt.Sprintf("holds secrets and its group can read it (mode %04o)", file.Mode)
	}
	if file.Mounted {
		found.Severity = finding.Warning
		found.Fix = "give the secret a mode of 0400 where it is mounted"
	}
	return []finding.Finding{found}
}
