package validation

import (
	"maps"
	"slices"
	"sync"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// item is one setting of one side, with its text.
type item struct {
	side  *Side
	kind  secret.Kind
	name  string
	place secret.Place // without a name for the settings of versions
	text  secret.Value
	// secrets are the texts that are judged and compared: the text itself, or the passwords in an address.
	secrets []secret.Value
	row     Row
}

// isSet reports whether the setting has a text.
func (i *item) isSet() bool { return i.text.IsSet() }

// isVersion reports whether the setting is the version of a secret, and no secret.
func (i *item) isVersion() bool {
	return i.kind.VersionSetting != "" && i.name == i.kind.VersionSetting
}

// allKinds has the kinds, which are made once: each setting is compared with all of them.
var allKinds = sync.OnceValue(secret.Kinds)

// checker collects what is found.
type checker struct {
	input  Input
	sides  []*Side // the own side first
	items  []*item
	report Report
}

// Check judges the settings of a deployment.
func Check(input Input) Report {
	c := newChecker(input)
	c.check()
	return c.finish()
}

// newChecker returns a checker that has found nothing.
func newChecker(input Input) *checker {
	c := &checker{input: input, sides: []*Side{&input.Own}}
	for i := range input.Others {
		c.sides = append(c.sides, &input.Others[i])
	}
	return c
}

// check judges the settings, and asks no server.
func (c *checker) check() {
	c.collect()
	for _, one := range c.items {
		c.judge(one)
	}
	c.judgeVersions()
	for _, found := range c.input.Places {
		c.foundAt(c.sides[0], found)
	}
	c.findMissing()
	c.checkGateway()
	c.findNeverRead()
	c.comparePairs()
	c.findReused()
	c.findPlaceholders()
	c.findNearNames()
	for _, file := range c.input.Files {
		c.report.Others = append(c.report.Others, CheckFile(file)...)
	}
}

// finish returns the report.
func (c *checker) finish() Report {
	for _, one := range c.items {
		c.report.Rows = append(c.report.Rows, one.row)
	}
	c.report.sort()
	return c.report
}

// collect makes an item of each setting that a side has or could have.
func (c *checker) collect() {
	for _, side := range c.sides {
		for _, kind := range allKinds() {
			if kind.VersionSetting != "" {
				c.collectVersions(side, kind)
				continue
			}
			for _, place := range kind.Places {
				if place.File == "" && c.belongs(side, place) && c.find(side, place.Setting) == nil && !c.isThere(side, place.Setting) {
					c.add(side, kindOf(side, place.Setting, kind), place)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(side.Unread)) {
			c.report.Unasked = append(c.report.Unasked, Unasked{What: c.where(side, name), Reason: side.Unread[name],
				Needs: "see that this account can read the file that " + name + "_FILE names", Asked: true})
		}
	}
}

// collectVersions makes items of a secret with versions, where the side has one or may need one.
func (c *checker) collectVersions(side *Side, kind secret.Kind) {
	names := kind.SettingNames(side.Settings.Names)
	isSet := slices.ContainsFunc(names, func(name string) bool { return side.Settings.Text(name) != "" })
	if !isSet && !c.mayNeed(side, kind) || c.isShared(side) {
		return
	}
	for _, name := range names {
		place := secret.Place{Setting: name}
		if len(kind.Places) > 0 {
			place.Component = kind.Places[0].Component
		}
		c.add(side, kind, place)
	}
}

// isShared reports whether a side is another one's reading of the own env file.
func (c *checker) isShared(side *Side) bool {
	return side != c.sides[0] && side.File != "" && side.File == c.sides[0].File
}

// isThere reports whether a setting of a shared file was taken from the own side.
func (c *checker) isThere(side *Side, name string) bool {
	if !c.isShared(side) {
		return false
	}
	one := c.find(c.sides[0], name)
	return one != nil && one.isSet()
}

// mayNeed reports whether a side is that of a component which reads a kind of secret, or of any.
func (c *checker) mayNeed(side *Side, kind secret.Kind) bool {
	return side.Component == "" || slices.ContainsFunc(kind.Places, func(p secret.Place) bool { return p.Component == side.Component })
}

// belongs reports whether a place is to be looked at on a side: its component is that of the side, or it is set
// there although another component reads it. What the file of another component can have and has not is left out
// where that component does without it.
func (c *checker) belongs(side *Side, place secret.Place) bool {
	if side.Component == "" || place.Component == side.Component {
		return side == c.sides[0] || place.Needed || side.Settings.Text(place.Setting) != "" || side.Unread[place.Setting] != ""
	}
	return side.Settings.Text(place.Setting) != "" && !isReadBy(side.Component, place.Setting)
}

// isReadBy reports whether a component reads a setting as a secret. All components read addresses.
func isReadBy(component secret.Component, setting string) bool {
	return slices.ContainsFunc(allKinds(), func(kind secret.Kind) bool {
		return slices.ContainsFunc(kind.Places, func(p secret.Place) bool {
			return p.Setting == setting && p.Component == component
		})
	})
}

// kindOf returns the kind of a setting. Where several components have a setting of one name for different
// secrets, the one counts whose other setting has the same text.
func kindOf(side *Side, setting string, first secret.Kind) secret.Kind {
	text := side.Settings.Text(setting)
	for _, kind := range allKinds() {
		reads := slices.ContainsFunc(kind.Places, func(p secret.Place) bool {
			return p.Setting == setting && (side.Component == "" || p.Component == side.Component)
		})
		agrees := slices.ContainsFunc(kind.Places, func(p secret.Place) bool {
			return p.Setting != setting && side.Settings.Text(p.Setting) == text
		})
		if text != "" && reads && agrees {
			return kind
		}
	}
	return first
}

// add makes an item.
func (c *checker) add(side *Side, kind secret.Kind, place secret.Place) {
	text := side.Settings.Text(place.Setting)
	one := &item{side: side, kind: kind, name: place.Setting, place: place, text: secret.NewValue(text)}
	one.row = Row{Name: kind.ShownName(place.Setting), Kind: kind.Name, Issued: kind.Issued, Component: side.Component, State: StateNotSet, Source: "not set"}
	if _, unread := side.Unread[place.Setting]; unread {
		one.row.State, one.row.Source = StateUnasked, "cannot be read"
	}
	if text != "" {
		one.row.State, one.row.Source = StateOK, side.Settings.Place(place.Setting)
		switch {
		case kind.Address:
			for _, password := range secret.AddressPasswords(text) {
				one.secrets = append(one.secrets, secret.NewValue(password))
			}
		case !kind.Path && !one.isVersion():
			one.secrets = []secret.Value{one.text}
		}
	}
	c.items = append(c.items, one)
}

// find returns the item of a setting on a side; nil for none.
func (c *checker) find(side *Side, name string) *item {
	for _, one := range c.items {
		if one.side == side && one.name == name {
			return one
		}
	}
	return nil
}

// where names a setting in a finding. Those of other components have their file behind them.
func (c *checker) where(side *Side, name string) string {
	if side == c.sides[0] {
		return name
	}
	return name + " in " + side.File
}

// found adds a finding to an item.
func (c *checker) found(one *item, found finding.Finding) {
	if found.Where == "" {
		found.Where = c.where(one.side, one.row.Name)
	}
	one.row.Findings = append(one.row.Findings, found)
}

// judgeVersions checks the secrets that have versions, all versions of one together.
func (c *checker) judgeVersions() {
	for _, side := range c.sides {
		for _, kind := range secret.VersionedKinds() {
			if c.find(side, kind.Setting) == nil {
				continue
			}
			for _, found := range kind.CheckSettings(side.Settings) {
				if found.Code == finding.Missing && found.Where == kind.Setting && !c.mustHave(side, kind) {
					continue
				}
				c.foundAt(side, found)
			}
		}
	}
}

// mustHave reports whether a side cannot do without a kind of secret.
func (c *checker) mustHave(side *Side, kind secret.Kind) bool {
	if side.Component == "" {
		return side == c.sides[0]
	}
	return slices.ContainsFunc(kind.Places, func(p secret.Place) bool { return p.Component == side.Component && p.Needed })
}

// foundAt adds a finding that names its setting to the row of that.
func (c *checker) foundAt(side *Side, found finding.Finding) {
	name := found.Where
	found.Where = c.where(side, name)
	for _, one := range c.items {
		if one.side == side && one.row.Name == name {
			one.row.Findings = append(one.row.Findings, found)
			return
		}
	}
	c.report.Others = append(c.report.Others, found)
}

// findMissing finds what a component needs and does not have, and tells what it does without the rest.
func (c *checker) findMissing() {
	for _, one := range c.items {
		if one.row.State != StateNotSet || one.place.Component != one.side.Component || one.kind.VersionSetting != "" {
			continue
		}
		without := ""
		if one.place.Unset != "" {
			without = "without it " + nameOf(one.side.Component) + " " + one.place.Unset
		}
		switch {
		case !one.place.Needed:
			one.row.Note = without
		case without == "":
			without = nameOf(one.side.Component) + " needs it"
			fallthrough
		default:
			c.found(one, finding.Finding{Code: finding.Missing, Severity: finding.Error, Message: "is not set; " + without, Fix: fixFor(one.kind)})
		}
	}
}

// nameOf returns a component as a sentence has it.
func nameOf(component secret.Component) string {
	switch component {
	case secret.Management:
		return "the management server"
	case secret.AdminUI:
		return "the admin UI"
	case secret.Agent:
		return "the agent server"
	case secret.GroupVault:
		return "a group-vault container"
	case secret.Gateway:
		return "the gateway"
	case secret.Relay:
		return "the relay"
	default:
		return string(component)
	}
}

// fixFor says how a secret gets a new text, as the kind says it of one that is not there.
func fixFor(kind secret.Kind) string {
	for _, found := range kind.Check("") {
		return found.Fix
	}
	return kind.Next
}
