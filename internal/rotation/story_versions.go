package rotation

import (
	"maps"
	"slices"
	"time"
)

// isThere reports whether a version is still in the record as one to read with, in a place, or in a label.
func (a *assessment) isThere(version int) bool {
	key := KeyOf(a.Keys, version)
	inPlace := a.place() != nil && a.place().Keys[version] != ""
	return key != nil && key.isUnfinished() || inPlace || a.labels[version] > 0
}

// known returns every version that anything knows of.
func (a *assessment) known() []int {
	all := map[int]bool{}
	for _, key := range a.Keys {
		all[key.Version] = true
	}
	for version, values := range a.labels {
		all[version] = all[version] || values > 0
	}
	for _, place := range []*Placement{a.Store, a.Settings} {
		if place == nil {
			continue
		}
		for version := range place.Keys {
			all[version] = true
		}
	}
	maps.DeleteFunc(all, func(_ int, there bool) bool { return !there })
	return slices.Sorted(maps.Keys(all))
}

// versions describes every version.
func (a *assessment) versions() []VersionStatus {
	list := []VersionStatus{}
	for _, version := range a.known() {
		one := VersionStatus{Version: version}
		if a.Unread {
			one.State = Unknown
		}
		if key := KeyOf(a.Keys, version); key != nil {
			one.Fingerprint, one.State, one.Created, one.Proven = key.Fingerprint, key.State, timeOrNil(key.Created), timeOrNil(key.Proven)
			one.BackupsUntil, one.Escrow, one.Compromised = key.BackupsUntil, key.Escrow, timeOrNil(key.Compromised)
		}
		if values := a.labels[version]; a.Look != nil && (values > 0 || len(a.Look.Gaps) == 0) {
			one.Values = &values
		}
		one.Store, one.Settings = one.place(a.Store), one.place(a.Settings)
		list = append(list, one)
	}
	return list
}

// place returns the setting that a place has the key in, and compares the key.
func (v *VersionStatus) place(place *Placement) (setting string) {
	if place == nil || place.Keys[v.Version] == "" {
		return ""
	}
	fingerprint := place.Keys[v.Version]
	if v.Fingerprint == "" {
		v.Fingerprint = fingerprint
	}
	v.Differs = v.Differs || v.Fingerprint != fingerprint
	return place.settingOf(v.Version)
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
