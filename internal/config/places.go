package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// CheckKeyPlaces finds keys that are put together from two places. The servers may
// see only one of them, and then a run seals with a key that they do not have: a key that is
// left over in a shell goes before that of the env file.
func (s *Settings) CheckKeyPlaces() []finding.Finding {
	var found []finding.Finding
	for _, name := range slices.Sorted(maps.Keys(s.shadowed)) {
		found = append(found, finding.Finding{Where: name, Code: finding.TwoValues, Severity: finding.Warning,
			Message: fmt.Sprintf("is set to one value (%s) and to another one (%s), which is not used", s.sources[name], s.shadowed[name]),
			Fix:     "unset the one that the servers do not use"})
	}
	for _, kind := range secret.VersionedKinds() {
		key, version := s.sources[kind.Setting], s.sources[kind.VersionSetting]
		if key.isSet() && version.isSet() && key.isInEnvFile() != version.isInEnvFile() {
			found = append(found, finding.Finding{Where: kind.Setting, Code: finding.TwoPlaces, Severity: finding.Warning,
				Message: fmt.Sprintf("is set in one place (%s), and %s in another one (%s)", key, kind.VersionSetting, version),
				Fix:     "set both in one place, as the servers have them"})
		}
	}
	return found
}

func (s Source) isSet() bool { return s.Kind != NotSet }

// isInEnvFile reports whether the env file sets a setting, itself or by its NAME_FILE.
func (s Source) isInEnvFile() bool {
	return s.Kind == FromEnvFile || s.Kind == FromSecretFile && s.place == FromEnvFile
}
