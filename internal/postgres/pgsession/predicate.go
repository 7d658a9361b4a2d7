package pgsession

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// predicate is a condition on a row t of a table, with its parameters as texts. Each criterion of a
// selection is one term; docs/session-invalidate.md has them in words.
type predicate struct {
	terms  []string
	params []string
}

// add adds a term, in which %s stands for each parameter.
func (p *predicate) add(term string, params ...string) {
	numbers := make([]any, len(params))
	for i, param := range params {
		p.params = append(p.params, param)
		numbers[i] = "$" + strconv.Itoa(len(p.params))
	}
	p.terms = append(p.terms, "("+fmt.Sprintf(term, numbers...)+")")
}

// sql returns the condition.
func (p *predicate) sql() string {
	if len(p.terms) == 0 {
		return "true"
	}
	return strings.Join(p.terms, " and ")
}

// selected returns the condition that a row is live, or has expired where that is asked for, is
// older than the moment, and is selected.
func (l layout) selected(selection session.Selection, moment session.Moment) *predicate {
	p := &predicate{}
	if selection.Expired {
		p.add("t.expires_at <= " + l.at("expires_at", "now()"))
		p.add("t." + l.ends + " is null")
	} else {
		p.add(l.alive())
	}
	if moment.Time != "" && l.has("created_at") {
		term, params := "t.created_at is null or t.created_at <= "+l.at("created_at", "%s::timestamptz"), []string{moment.Time}
		if early := moment.Early[l.kind]; len(early) > 0 {
			term, params = term+" or t.id::text = any(%s::text[])", append(params, postgres.TextArray(early))
		}
		p.add(term, params...)
	}
	before := len(p.terms)
	l.addUsers(p, selection)
	if l.kind == session.Logins {
		l.addSessions(p, selection)
	}
	if len(p.terms) == before && !selection.All && !selection.Expired {
		p.add("false") // nothing is selected, which must never mean everything
	}
	return p
}

// addUsers adds the criteria that are about users.
func (l layout) addUsers(p *predicate, selection session.Selection) {
	if l.byEmail() {
		l.addEmails(p, selection)
		return
	}
	user := l.user()
	if selection.Users != nil {
		p.add(user+" = any(%s::text[])", postgres.TextArray(selection.Users))
	}
	if len(selection.Tenants) > 0 {
		p.add(user+" in (select id::text from $users where tenant_id::text = any(%s::text[]))", postgres.TextArray(selection.Tenants))
	}
	if len(selection.ExceptUsers) > 0 && user != "" {
		p.add(user+" is null or "+user+" <> all(%s::text[])", postgres.TextArray(selection.ExceptUsers))
	}
}

// addEmails adds the criteria that are about users to a table that has only their addresses. The
// addresses are an array, so that the server looks them up once for a statement and not for each row.
func (l layout) addEmails(p *predicate, selection session.Selection) {
	const addresses = "array(select lower(u.email) from $users u where u.email is not null and "
	if selection.Users != nil {
		p.add("lower(t.email) = any("+addresses+"u.id::text = any(%s::text[])))", postgres.TextArray(selection.Users))
	}
	if len(selection.Tenants) > 0 {
		p.add("lower(t.email) = any("+addresses+"u.tenant_id::text = any(%s::text[])))", postgres.TextArray(selection.Tenants))
	}
	if len(selection.ExceptUsers) > 0 {
		p.add("t.email is null or lower(t.email) <> all("+addresses+"u.id::text = any(%s::text[])))", postgres.TextArray(selection.ExceptUsers))
	}
}

// addSessions adds the criteria that are about single sessions.
func (l layout) addSessions(p *predicate, selection session.Selection) {
	if len(selection.Sessions) > 0 {
		p.add("t.id::text = any(%s::text[])", postgres.TextArray(selection.Sessions))
	}
	if len(selection.TokenHashes) > 0 {
		p.add("t."+l.token()+" = any(%s::text[])", postgres.TextArray(selection.TokenHashes))
	}
	if len(selection.Networks) > 0 {
		l.addNetworks(p, selection.Networks)
	}
	if len(selection.Agents) > 0 {
		p.add("exists (select from unnest(%s::text[]) part where position(lower(part) in lower(t.user_agent)) > 0)", postgres.TextArray(selection.Agents))
	}
	if selection.CreatedBefore > 0 {
		p.add("t.created_at is null or t.created_at < "+l.at("created_at", "now() - %s::interval"), interval(selection.CreatedBefore))
	}
	if selection.IdleLongerThan > 0 {
		p.add("coalesce(t.last_activity_at, t.created_at) is null or coalesce(t.last_activity_at, t.created_at) < "+l.at("created_at", "now() - %s::interval"), interval(selection.IdleLongerThan))
	}
	if selection.PastTimeout > 0 {
		p.add("t.created_at is null or t.created_at < "+l.at("created_at", "now() - %s::interval"), interval(selection.PastTimeout))
	}
	if selection.OverLimit > 0 {
		// Those that are newer than the row, of the same user; the id decides between equals.
		p.add(`(select count(*) from `+l.path()+` s where s.user_id = t.user_id and s.revoked_at is null and s.expires_at > now()
			and (coalesce(s.created_at, '-infinity'), s.id) > (coalesce(t.created_at, '-infinity'), t.id)) >= %s::bigint`, strconv.Itoa(selection.OverLimit))
	}
	if len(selection.ExceptSessions) > 0 {
		p.add("t.id::text <> all(%s::text[])", postgres.TextArray(selection.ExceptSessions))
	}
}

// plainAddress is the address of a session, an IPv4 address also where it is written within IPv6.
const plainAddress = `case when t.ip_address << '::ffff:0:0/96' then '0.0.0.0'::inet + (host(t.ip_address)::inet - '::ffff:0:0'::inet) else host(t.ip_address)::inet end`

// addNetworks adds the criterion that the address is in one of the networks.
func (l layout) addNetworks(p *predicate, networks []netip.Prefix) {
	texts := make([]string, len(networks))
	for i, network := range networks {
		texts[i] = network.String()
	}
	p.add(plainAddress+" <<= any(%s::inet[])", postgres.TextArray(texts))
}

// token returns the column with the digest of the token. Older documents have it as token_hash.
func (l layout) token() string {
	if l.has("token_hash") && !l.has("token") {
		return "token_hash"
	}
	return "token"
}

// interval writes a duration as PostgreSQL reads it.
func interval(length time.Duration) string {
	// PostgreSQL 13 takes no number of microseconds above 2^31.
	return strconv.FormatFloat(length.Seconds(), 'f', 6, 64) + " seconds"
}
