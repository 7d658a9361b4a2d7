package audit

import (
	"context"
	"fmt"
	"strings"
)

// TokenShapes counts values that do not have the shape that they should.
type TokenShapes struct {
	Place string // schema, table and column
	Rows  int64
	Live  int64 // wrong ones that are alive
	Dead  int64
}

// lookAtShapes makes the faults of wrong shapes.
func lookAtShapes(seen *Seen, shapes TokenShapes, message, expected string) {
	fault := Fault{Object: shapes.Place, Message: message, Expected: expected, Places: []string{shapes.Place}}
	if shapes.Live > 0 {
		live := fault
		live.Count, live.Actual = shapes.Live, countThings(shapes.Live, "live row", "live rows")+" of another shape"
		seen.Faults = append(seen.Faults, live)
	}
	if shapes.Dead > 0 {
		fault.Object, fault.Severity = "dead rows of "+shapes.Place, Low
		fault.Count, fault.Actual = shapes.Dead, countThings(shapes.Dead, "dead row", "dead rows")+" of another shape"
		seen.Faults = append(seen.Faults, fault)
	}
}

const sha256Hex = "64 hexadecimal digits, as of SHA-256"

// lookAtSessionTokens finds session tokens in clear.
func lookAtSessionTokens(ctx context.Context, _ *Sources, source TokenSource) (seen Seen, err error) {
	columns, err := source.Unhashed(ctx, "sessions", "token", "token_hash")
	if err != nil {
		return seen, err
	}
	var looked []string
	for _, shapes := range columns {
		looked = append(looked, countThings(shapes.Rows, "value", "values")+" of "+shapes.Place)
		lookAtShapes(&seen, shapes, "holds tokens that are no hashes", sha256Hex)
	}
	seen.Looked = "the shape of " + strings.Join(looked, " and ")
	return seen, nil
}

// hashColumns are the columns that hold hashes of tokens, beside that of sessions (contract, section 3).
var hashColumns = []SecretColumn{{"magic_links", "token"}, {"api_keys", "key_hash"}, {"group_vault_tokens", "token_hash"},
	{"emergency_access_tokens", "token_hash"}, {"recovery_requests", "token_hash"}}

// lookAtHashes finds tokens in clear where hashes should be.
func lookAtHashes(ctx context.Context, _ *Sources, source TokenSource) (Seen, error) {
	var all parts
	for _, column := range hashColumns {
		columns, err := source.Unhashed(ctx, column.Table, column.Column)
		if len(columns) == 0 {
			columns = []TokenShapes{{}}
		}
		shapes := columns[0]
		ok, err := all.add(fmt.Sprintf("%d of %s", shapes.Rows, shapes.Place), err)
		if err != nil {
			return all.seen, err
		}
		if ok {
			lookAtShapes(&all.seen, shapes, "holds tokens that are no hashes", sha256Hex)
		}
	}
	shapes, err := source.LongPrefixes(ctx)
	ok, err := all.add(fmt.Sprintf("%d of %s", shapes.Rows, shapes.Place), err)
	if ok {
		lookAtShapes(&all.seen, shapes, "holds more of the keys than their first 12 characters", "at most 12 characters")
	}
	return all.result(), err
}

// ClearTokens counts live tokens that stand in clear.
type ClearTokens struct {
	Place string
	Live  int64
	Old   int64 // those that are older than an hour
}

// clearTokenColumns hold single-use tokens in clear (contract, section 1).
var clearTokenColumns = []SecretColumn{{"pending_mfa_sessions", "session_token"}, {"group_invites", "token"}, {"capability_approvals", "token"}, {"admin_action_confirmations", "token"}}

// lookAtClearTokens finds single-use tokens in clear.
func lookAtClearTokens(ctx context.Context, _ *Sources, source TokenSource) (Seen, error) {
	var all parts
	for _, column := range clearTokenColumns {
		tokens, err := source.ClearTokens(ctx, column.Table, column.Column)
		ok, err := all.add(tokens.Place, err)
		if err != nil {
			return all.seen, err
		}
		if !ok || tokens.Live == 0 {
			continue
		}
		fault := Fault{Object: tokens.Place, Cause: "single-use tokens", Message: "stand in clear while they are alive", Expected: "hashes", Actual: fmt.Sprintf("%d alive, %d of them older than an hour", tokens.Live, tokens.Old),
			Count: tokens.Live, Places: []string{fmt.Sprintf("%s: %d", tokens.Place, tokens.Live)}}
		if tokens.Old > 0 {
			fault.Severity = Low
		}
		all.seen.Faults = append(all.seen.Faults, fault)
	}
	return all.result(), nil
}

// ClearSecretForm says how a column holds a secret.
type ClearSecretForm uint8

// The forms.
const (
	ClearText    ClearSecretForm = iota
	ClearMember                  // a member of a JSON object
	ClearHeaders                 // a JSON object of HTTP headers, some of which are credentials
)

// ClearSecret is a place of secrets in clear.
type ClearSecret struct {
	SecretColumn
	Form   ClearSecretForm
	Member string
}

// clearSecrets are the places of secrets in clear that live long (contract, section 1).
var clearSecrets = []ClearSecret{{SecretColumn: SecretColumn{"users", "telegram_bot_token"}},
	{SecretColumn: SecretColumn{"tenants", "settings"}, Form: ClearMember, Member: "backup_key"},
	{SecretColumn: SecretColumn{"audit_webhooks", "headers"}, Form: ClearHeaders}}

// lookAtClearSecrets finds secrets in clear that live long.
func lookAtClearSecrets(ctx context.Context, _ *Sources, source TokenSource) (Seen, error) {
	var all parts
	for _, secret := range clearSecrets {
		place, count, err := source.ClearSecrets(ctx, secret)
		ok, err := all.add(place, err)
		if err != nil {
			return all.seen, err
		}
		if ok && count > 0 {
			all.seen.Faults = append(all.seen.Faults, Fault{Object: place, Message: "holds secrets in clear", Expected: "encrypted values, or none", Actual: countThings(count, "row", "rows") + " in clear",
				Count: count, Places: []string{place}})
		}
	}
	return all.result(), nil
}
