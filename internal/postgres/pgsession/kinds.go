// Package pgsession reads and ends the live access that stands in an OCMT database: it implements
// session.Database.
package pgsession

import (
	"strings"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// form says how a kind of access stands in its table (contract, section 3).
type form struct {
	kind  session.Kind
	table string
	// ends is the column that ends a row when it is set to now: one that marks it, or expires_at.
	ends string
	// unless is a column that must be NULL in a live row, beside the one that ends it.
	unless string
	// users are columns that may tell whose a row is; the first that is there does.
	users []string
}

// forms are the kinds of access that stand in tables.
var forms = []form{
	{kind: session.Logins, table: "sessions", ends: "revoked_at", users: []string{"user_id"}},
	{kind: session.OAuthStates, table: "oauth_states", ends: "used_at", users: []string{"user_id"}},
	{kind: session.MagicLinks, table: "magic_links", ends: "used_at", users: []string{"user_id", "email"}},
	{kind: session.PendingMFA, table: "pending_mfa_sessions", ends: "expires_at", users: []string{"user_id"}},
	{kind: session.GroupInvites, table: "group_invites", ends: "expires_at", users: []string{"user_id", "invitee_id", "email"}},
	{kind: session.AdminConfirmations, table: "admin_action_confirmations", ends: "expires_at", unless: "confirmed_at", users: []string{"user_id", "admin_id"}},
	{kind: session.EmergencyTokens, table: "emergency_access_tokens", ends: "used_at", users: []string{"user_id", "admin_id"}},
	{kind: session.APIKeys, table: "api_keys", ends: "revoked_at", users: []string{"user_id"}},
	{kind: session.GroupVaultTokens, table: "group_vault_tokens", ends: "revoked_at", users: []string{"user_id"}},
	{kind: session.CapabilityApprovals, table: "capability_approvals", ends: "expires_at", users: []string{"user_id", "subject_id"}},
	{kind: session.RecoveryRequests, table: "recovery_requests", ends: "expires_at", users: []string{"user_id"}},
}

// layout is a table as the database has it.
type layout struct {
	form
	schema, name string
	columns      map[string]string // types by name
	spread       bool              // see isSpread
}

// path returns the name of the table as SQL writes it.
func (l layout) path() string { return postgres.Quote(l.schema, l.name) }

func (l layout) has(column string) bool { return l.columns[column] != "" }

// alive is the condition that a row t of the table is live, as the server asks it.
func (l layout) alive() string {
	var terms []string
	if l.ends != "expires_at" {
		terms = append(terms, "t."+l.ends+" is null")
	}
	if l.unless != "" && l.has(l.unless) {
		terms = append(terms, "t."+l.unless+" is null")
	}
	if l.has("expires_at") {
		term := "t.expires_at > " + l.at("expires_at", "now()")
		if l.ends != "expires_at" && l.kind != session.Logins {
			term = "(t.expires_at is null or " + term + ")" // an API key may have no end
		}
		terms = append(terms, term)
	}
	return strings.Join(terms, " and ")
}

// user returns whose a row is, as a text: the id of its user, or the address where the table has no
// more; "" where it does not tell.
func (l layout) user() string {
	switch column := l.userColumn(); column {
	case "":
		return ""
	case emailColumn:
		return "lower(t.email)"
	default:
		return "t." + postgres.Quote(column) + "::text"
	}
}

const emailColumn = "email"

// byEmail reports whether a table tells its users by their addresses only.
func (l layout) byEmail() bool { return l.userColumn() == emailColumn }

// userColumn returns the column that tells whose a row is, "" for none.
func (l layout) userColumn() string {
	for _, column := range l.users {
		if l.has(column) {
			return column
		}
	}
	return ""
}
