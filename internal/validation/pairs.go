package validation

import (
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// comparePairs compares the settings of each kind that must have the same secret, between components and
// between the files that have one setting.
func (c *checker) comparePairs() {
	for _, kind := range allKinds() {
		if kind.Address || kind.Path {
			continue
		}
		places := placesByName(kind)
		for i, place := range places {
			c.compareSame(kind, place.Setting)
			for _, other := range places[i+1:] {
				c.comparePair(kind, place, other)
			}
		}
	}
}

// placesByName returns the first place of each name of a kind, without those in other files than env files.
func placesByName(kind secret.Kind) (places []secret.Place) {
	for _, name := range kind.Names() {
		at := slices.IndexFunc(kind.Places, func(p secret.Place) bool { return p.Setting == name })
		places = append(places, kind.Places[at])
	}
	return places
}

// textsOf returns the items that hold a place of a kind: those of the component's own file, and those of
// settings that could be of any component.
func (c *checker) textsOf(kind secret.Kind, place secret.Place) (list []*item) {
	for _, one := range c.items {
		mayBe := one.side.Component == "" || one.side.Component == place.Component
		if one.name == place.Setting && one.kind.Name == kind.Name && one.isSet() && mayBe {
			list = append(list, one)
		}
	}
	return list
}

// compareSame compares one setting between the files that have it.
func (c *checker) compareSame(kind secret.Kind, setting string) {
	var first *item
	for _, one := range c.items {
		switch {
		case one.name != setting || one.kind.Name != kind.Name || !one.isSet():
		case first == nil:
			first = one
		case !holds(first, one, one.text.Reveal()):
			c.found(one, finding.Finding{Code: finding.PairDiffers, Severity: finding.Error,
				Message: "is another secret than " + c.where(first.side, first.row.Name) + ", and both must be the same", Fix: pairFix(kind)})
		}
	}
}

// comparePair compares two settings that must have the same secret.
func (c *checker) comparePair(kind secret.Kind, place, other secret.Place) {
	left, right := c.textsOf(kind, place), c.textsOf(kind, other)
	switch {
	case len(left) == 0 && len(right) == 0:
	case len(left) == 0:
		c.notCompared(place, other)
	case len(right) == 0:
		c.notCompared(other, place)
	case !slices.ContainsFunc(left, func(l *item) bool {
		return slices.ContainsFunc(right, func(r *item) bool { return l.text.Reveal() == r.text.Reveal() })
	}):
		last := right[len(right)-1]
		c.found(last, finding.Finding{Code: finding.PairDiffers, Severity: finding.Error,
			Message: "is another secret than " + c.where(left[0].side, left[0].row.Name) + ", and both must be the same", Fix: pairFix(kind)})
	}
}

// pairFix says how both sides of a pair get one secret.
func pairFix(kind secret.Kind) string {
	return "copy the right one into the other place and restart, or " + fixFor(kind)
}

// notCompared notes that one side of a pair is not there. A side whose file was given has been asked for.
func (c *checker) notCompared(missing, there secret.Place) {
	first, second := there, missing
	_, given := c.input.other(missing.Component)
	_, brought := c.input.other(there.Component)
	reason := missing.Setting + " of " + nameOf(missing.Component) + " is not set here"
	needs := bringing[missing.Component]
	if given {
		needs = "set " + missing.Setting + " in the file that was given"
	}
	c.report.Unasked = append(c.report.Unasked, Unasked{What: first.Setting + " = " + second.Setting, Reason: reason, Needs: needs, Asked: given || brought})
}

// bringing says how the settings of a component are brought beside others.
var bringing = map[secret.Component]string{
	secret.Management: "run this with the env file of the management server, and name the file of the other one with --agent-env-file or --admin-env-file",
	secret.Agent:      "--agent-env-file brings it",
	secret.AdminUI:    "--admin-env-file brings it",
	secret.GroupVault: "compare the fingerprints: ocmt validate --component group-vault shows it where the container's settings are",
	secret.Gateway:    "--gateway-config brings it",
}

// checkGateway judges gateway.auth.token of openclaw.json, and compares it with the variable of the gateway. The
// file goes before the environment.
func (c *checker) checkGateway() {
	kind, place, member, known := gatewayKind()
	if !known {
		return
	}
	variable := c.find(c.sides[0], place.Setting)
	config := c.input.Gateway
	if config == nil {
		if variable != nil && !variable.isSet() && variable.side.Component == secret.Gateway {
			c.report.Unasked = append(c.report.Unasked, Unasked{What: place.Setting, Reason: "it is not set here, and " + member.Setting + " of openclaw.json may have the token instead",
				Needs: bringing[secret.Gateway]})
		}
		return
	}
	side := &Side{Component: secret.Gateway, File: config.File, Settings: &gatewaySettings{config, member.Setting}}
	one := &item{side: side, kind: kind, name: member.Setting, place: member, text: config.Token}
	one.row = Row{Name: member.Setting, Kind: kind.Name, Component: secret.Gateway, State: StateNotSet, Source: config.File}
	c.items = append(c.items, one)
	isVariable := variable != nil && variable.isSet()
	switch {
	case config.Unread != "":
		one.row.State = StateUnasked
		c.report.Unasked = append(c.report.Unasked, Unasked{What: member.Setting + " in " + config.File, Reason: config.Unread, Needs: "a file of JSON5 that has the token itself", Asked: true})
	case config.Token.IsSet():
		one.row.State, one.secrets = StateOK, []secret.Value{config.Token}
		c.judge(one)
		if isVariable && variable.text.Reveal() != config.Token.Reveal() {
			c.found(one, finding.Finding{Code: finding.PairDiffers, Severity: finding.Error,
				Message: "is another token than " + place.Setting + ", and the gateway takes the one in the file", Fix: "take " + member.Setting + " out of the file or give both one token, and restart the gateway"})
		}
	case config.Set:
		c.found(one, finding.Finding{Code: finding.Missing, Severity: finding.Error,
			Message: "is set to nothing, and that goes before " + place.Setting, Fix: "take " + member.Setting + " out of the file, set " + place.Setting + ", and restart the gateway"})
	case !isVariable && c.sides[0].Component == secret.Gateway:
		c.found(one, finding.Finding{Code: finding.Missing, Severity: finding.Error, Message: "is not set, and " + place.Setting + " is not either", Fix: fixFor(kind)})
	case !isVariable:
		c.report.Unasked = append(c.report.Unasked, Unasked{What: "the token of the gateway", Reason: member.Setting + " is not set in " + config.File + ", and " + place.Setting + " is not set here",
			Needs: "run this where " + place.Setting + " of the gateway is set", Asked: true})
	}
}

// gatewayKind returns the kind of the gateway's token, the variable that holds it, and the member of its file.
func gatewayKind() (kind secret.Kind, variable, member secret.Place, known bool) {
	for _, kind := range allKinds() {
		at := slices.IndexFunc(kind.Places, func(p secret.Place) bool { return p.Component == secret.Gateway && p.File != "" })
		if at >= 0 {
			return kind, placesByName(kind)[0], kind.Places[at], true
		}
	}
	return kind, variable, member, false
}

// gatewaySettings are the settings of an openclaw.json.
type gatewaySettings struct {
	config *Gateway
	member string
}

// Text implements Settings.
func (g *gatewaySettings) Text(name string) string {
	if name == g.member {
		return g.config.Token.Reveal()
	}
	return ""
}

// Names implements Settings.
func (g *gatewaySettings) Names(string) []string { return nil }

// Place implements Settings.
func (g *gatewaySettings) Place(string) string { return g.config.File }

// InEnvFile implements Settings.
func (g *gatewaySettings) InEnvFile(string) bool { return false }
