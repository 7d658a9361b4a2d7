package ocmt

import (
	"slices"
	"sync"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Setting is a setting of a deployment that is a secret, or holds one.
type Setting struct {
	Name       string
	Components []secret.Component // the ones that read it
	Equal      string             // the setting that must have the same value; "" for none
	Address    bool               // a URL with a password in it
	Path       bool               // the path of a file that is the secret
	Made       bool               // made by the operator or by OCMT; the others are made by their issuers
}

// Settings returns the settings that are secrets, without ENCRYPTION_KEY and its older versions. They are
// those of secret.Kinds, in its order.
func Settings() []Setting { return slices.Clone(settingsOfKinds()) }

// settingsOfKinds is made once, because log files and processes ask about many names.
var settingsOfKinds = sync.OnceValue(func() (list []Setting) {
	for _, kind := range secret.Kinds() {
		if kind.VersionSetting != "" {
			continue
		}
		for _, place := range kind.Places {
			if place.File != "" {
				continue
			}
			known := slices.IndexFunc(list, func(one Setting) bool { return one.Name == place.Setting })
			if known < 0 {
				known = len(list)
				list = append(list, Setting{Name: place.Setting, Equal: kind.EqualTo(place.Setting), Address: kind.Address, Path: kind.Path, Made: !kind.Issued})
			}
			list[known].Components = append(list[known].Components, place.Component)
		}
	}
	return list
})
