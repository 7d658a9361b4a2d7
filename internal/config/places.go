package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

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

// CheckAddressPlaces finds addresses of the env file that lead elsewhere than those that commands use: a check
// judges the servers' address in the file, and a run goes to the one of the environment. Two accounts at one address are no
// finding, because operators have accounts of their own.
func (s *Settings) CheckAddressPlaces() []finding.Finding {
	var found []finding.Finding
	for _, one := range []struct {
		name string
		used URL
	}{{NameDatabaseURL, s.DatabaseURL}, {NameRedisURL, s.RedisURL}} {
		if s.inEnvFile == nil || !one.used.IsSet() || s.sources[one.name].isInEnvFile() {
			continue
		}
		text, place, err := s.inEnvFile(one.name)
		if err != nil || text == "" || serverOf(NewURL(text)) == serverOf(one.used) {
			continue
		}
		found = append(found, finding.Finding{Where: one.name, Code: finding.TwoValues, Severity: finding.Warning,
			Message: fmt.Sprintf("leads to one server or database (%s), to which all commands connect, and to another one (%s), which the servers use and which is judged here", s.sources[one.name], place),
			Fix:     "unset the one that is not meant"})
	}
	return found
}

// serverOf returns an address without the account; the whole address where it cannot be read.
func serverOf(address URL) string {
	parsed, err := url.Parse(address.Redacted())
	if err != nil || parsed.Host == "" && parsed.RawQuery == "" {
		return address.Reveal()
	}
	query := parsed.Query()
	return strings.Join([]string{parsed.Host, parsed.Path, query.Get("host"), query.Get("port"), query.Get("dbname")}, " ")
}

func (s Source) isSet() bool { return s.Kind != NotSet }

// isInEnvFile reports whether the env file sets a setting, itself or by its NAME_FILE.
func (s Source) isInEnvFile() bool {
	return s.Kind == FromEnvFile || s.Kind == FromSecretFile && s.place == FromEnvFile
}
