package validation

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// askEndpoints asks each endpoint that was named whether it takes its tokens.
func (l *liveChecker) askEndpoints(ctx context.Context) error {
	if l.servers.Endpoints == nil {
		return nil
	}
	endpoints, err := l.servers.Endpoints(func(setting string) string {
		if one := l.tokenOf(setting); one != nil {
			return one.text.Reveal()
		}
		return ""
	})
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints.Endpoints() {
		for _, probe := range ocmt.ProbesOf(endpoint.Component) {
			if err := l.askEndpoint(ctx, endpoints, endpoint, probe); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokenOf returns the setting whose token is sent for the one of a probe: it itself on the side of its component,
// else where the component is not known, else the other one of its pair. It is nil where none is set. The file of
// the gateway goes before its variable, even where the token in it is empty or cannot be read.
func (l *liveChecker) tokenOf(setting string) (best *item) {
	kind, component := l.kindOfProbe(setting)
	config := l.input.Gateway
	inFile := component == secret.Gateway && config != nil && (config.Set || config.Unread != "")
	const other, itself, ofComponent = 1, 2, 3
	rank := func(one *item) int {
		switch {
		case one == nil || one.kind.Name != kind.Name || !one.isSet() || inFile != (one.place.File != "") && component == secret.Gateway:
			return 0
		case one.name == setting && one.side.Component == component:
			return ofComponent
		case one.name == setting:
			return itself
		default:
			return other
		}
	}
	for _, one := range l.items {
		if rank(one) > rank(best) {
			best = one
		}
	}
	return best
}

// kindOfProbe returns the kind of the token of a probe, and the component that takes it.
func (l *liveChecker) kindOfProbe(setting string) (secret.Kind, secret.Component) {
	for _, component := range components {
		if !slices.ContainsFunc(ocmt.ProbesOf(string(component)), func(p ocmt.Probe) bool { return p.Setting == setting }) {
			continue
		}
		for _, kind := range allKinds() {
			if slices.ContainsFunc(kind.Places, func(p secret.Place) bool { return p.Setting == setting && p.Component == component }) {
				return kind, component
			}
		}
	}
	return secret.Kind{}, ""
}

// components are those that have an endpoint.
var components = []secret.Component{secret.Management, secret.AdminUI, secret.Agent, secret.Gateway}

// exchange is what one credential was answered with.
type exchange struct {
	credential ocmt.Credential
	answer     ocmt.Answer
	verdict    ocmt.Verdict
}

// askEndpoint asks with no token, with a wrong one and with the right one, and in the query where that is allowed.
// The right one is not sent to a server that does not answer.
func (l *liveChecker) askEndpoint(ctx context.Context, endpoints Endpoints, endpoint ocmt.Endpoint, probe ocmt.Probe) error {
	one := l.tokenOf(probe.Setting)
	credentials := []ocmt.Credential{ocmt.NoToken, ocmt.WrongToken}
	if one != nil {
		credentials = append(credentials, ocmt.OwnToken)
		if l.servers.InQuery && endpoint.Loopback {
			credentials = append(credentials, ocmt.OwnTokenInQuery)
		}
	}
	var seen []exchange
	for _, credential := range credentials {
		answer, err := endpoints.Ask(ctx, endpoint, probe, credential)
		if err != nil {
			return err
		}
		seen = append(seen, exchange{credential, answer, answer.Judge(endpoint.Component)})
		if answer.Status == 0 {
			break
		}
	}
	l.judgeEndpoint(one, endpoint, probe, seen)
	return nil
}

// judgeEndpoint judges what an endpoint answered about the token of a setting, which is nil where none is set.
func (l *liveChecker) judgeEndpoint(one *item, endpoint ocmt.Endpoint, probe ocmt.Probe, seen []exchange) {
	var texts, open []string
	needs, result := "", LiveProven
	for _, each := range seen {
		texts = append(texts, each.credential.String()+" "+each.answer.String())
		switch {
		case each.verdict == ocmt.Open:
			open = append(open, "with "+each.credential.String()+" it answered neither yes nor no: "+each.answer.String())
			needs = needsOf(endpoint, each.answer)
			if each.credential != ocmt.OwnTokenInQuery { // which says nothing about the header
				result = LiveUnknown
			}
		case each.verdict == ocmt.Accepted && each.credential != ocmt.OwnToken:
			l.foundOpen(one, endpoint, probe, each)
			if each.credential != ocmt.OwnTokenInQuery && result != LiveUnknown {
				result = LiveUnproven
			}
		case each.verdict == ocmt.Refused && each.credential == ocmt.OwnToken:
			l.found(one, finding.Finding{Code: finding.RefusedByServer, Severity: finding.Error, Message: "is refused by " + endpoint.Name() + ": the server runs with another token",
				Evidence: methodAndPath(endpoint, probe) + ": " + strings.Join(texts, ", "), Fix: "set the same token on both sides, and restart the server"})
			result = LiveRefused
		}
	}
	if one == nil {
		l.unasked(probe.Setting+" at "+endpoint.Name(), "it is not set here, so it was not sent; "+strings.Join(texts, ", "), l.missingToken(probe.Setting))
	} else {
		saw(one, endpoint.Name(), result, methodAndPath(endpoint, probe)+": "+strings.Join(texts, ", "))
	}
	if len(open) > 0 {
		l.unasked(probe.Setting+" at "+endpoint.Name(), strings.Join(open, "; "), needs)
	} else if one != nil {
		l.tellQuery(endpoint)
	}
}

// tellQuery says that the token was not sent in the query of a URL, where it was not.
func (l *liveChecker) tellQuery(endpoint ocmt.Endpoint) {
	what := "whether " + endpoint.Name() + " takes a token in the query of a URL"
	if !l.servers.InQuery {
		l.report.Unasked = append(l.report.Unasked, Unasked{What: what, Reason: "it was not sent so, because servers write URLs to their logs", Needs: "--live-query asks endpoints of this machine"})
	} else if !endpoint.Loopback {
		l.unasked(what, "the token would stand in the logs of whatever is in between", "run this on the machine of the server, with an address of loopback")
	}
}

// missingToken says how the token of a setting is brought.
func (l *liveChecker) missingToken(setting string) string {
	_, component := l.kindOfProbe(setting)
	return "set " + setting + " here; or " + bringing[component]
}

// foundOpen finds an endpoint that lets in who has no valid token, or takes one in the query of a URL. Without a
// setting here it is a finding of its own.
func (l *liveChecker) foundOpen(one *item, endpoint ocmt.Endpoint, probe ocmt.Probe, each exchange) {
	found := finding.Finding{Code: finding.AcceptsAny, Severity: finding.Error, Message: "protects nothing at " + endpoint.Name() + ", which answers " + each.credential.String() + " as a valid one",
		Evidence: methodAndPath(endpoint, probe) + ": " + each.answer.String() + " with " + each.credential.String(),
		Fix:      "take the server off the network, see that the token is set there, restart it, and rotate the token"}
	if each.credential == ocmt.OwnTokenInQuery {
		found.Code, found.Message = finding.TakenInQuery, "is taken in the query of a URL by "+endpoint.Name()+": proxies and servers write URLs to their logs"
		found.Fix = "upgrade the server, and rotate the token"
	}
	if one == nil {
		found.Where = probe.Setting
		l.report.Others = append(l.report.Others, found)
		return
	}
	l.found(one, found)
}

// methodAndPath names the request of a probe.
func methodAndPath(endpoint ocmt.Endpoint, probe ocmt.Probe) string {
	return ocmt.MethodOf(endpoint.Component) + " " + probe.Path
}

// needsOf says what to do about an answer that is neither yes nor no (contract, section 6).
func needsOf(endpoint ocmt.Endpoint, answer ocmt.Answer) string {
	switch {
	case answer.Status == 0:
		return "see that the server is up and can be reached from here; OCMT_ENDPOINT_CA names the certificates that it is verified by"
	case answer.Status == http.StatusTooManyRequests:
		return "the server takes no more requests for now: ask again in an hour"
	case answer.Status >= 300 && answer.Status < 400:
		return "the server sends elsewhere: name its own address, with https:// where it has TLS"
	case answer.Status == http.StatusInternalServerError && endpoint.Component == ocmt.AdminUIEndpoint:
		return "the admin UI answers so where it has no ADMIN_TOKEN: see that it is in its environment, and restart it"
	}
	return "see what the server says in its log, and that the address is that of " + nameOf(secret.Component(endpoint.Component))
}
