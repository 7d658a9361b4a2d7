package pgaudit

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
)

var _ audit.TokenSource = (*Snapshot)(nil)

// count asks for one row of numbers of a table.
func (s *Snapshot) count(ctx context.Context, l located, sql string, args ...string) ([]int64, error) {
	rows, err := s.ask(ctx, s.selecting(l.schema, l.name, sql, args...))
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(rows[0]))
	for i, text := range rows[0] {
		numbers[i] = postgres.ParseNumber(text)
	}
	return numbers, nil
}

// shapes counts the values of a column that a condition calls wrong.
func (s *Snapshot) shapes(ctx context.Context, l located, column, wrong string) (shapes audit.TokenShapes, err error) {
	shapes.Place = l.String() + "." + column
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), count(*) filter (where %[1]s and (%[2]s)), count(*) filter (where %[1]s and not (%[2]s)) from %[3]s t where t.%[4]s is not null",
		wrong, l.alive(), l.path(), postgres.Quote(column)))
	if err == nil {
		shapes.Rows, shapes.Live, shapes.Dead = numbers[0], numbers[1], numbers[2]
	}
	return shapes, err
}

// Unhashed implements audit.TokenSource.
func (s *Snapshot) Unhashed(ctx context.Context, table string, columns ...string) (list []audit.TokenShapes, err error) {
	l, _, err := s.locateWith(ctx, table, columns...)
	if err != nil {
		return nil, err
	}
	for _, column := range columns {
		if !l.has(column) {
			continue
		}
		if l.columns[column] == "bytea" {
			return nil, &audit.GapError{Gap: audit.Gap{What: l.String() + "." + column, Reason: "it is of type bytea, and hashes are looked for in texts"}}
		}
		shapes, err := s.shapes(ctx, l, column, l.text(column)+" !~ '^[0-9a-f]{64}$'")
		if err != nil {
			return nil, err
		}
		list = append(list, shapes)
	}
	return list, nil
}

// LongPrefixes implements audit.TokenSource.
func (s *Snapshot) LongPrefixes(ctx context.Context) (audit.TokenShapes, error) {
	l, column, err := s.locateWith(ctx, "api_keys", "key_prefix")
	if err != nil {
		return audit.TokenShapes{}, err
	}
	return s.shapes(ctx, l, column, "length("+l.text("key_prefix")+") > 12")
}

// ClearTokens implements audit.TokenSource.
func (s *Snapshot) ClearTokens(ctx context.Context, table, column string) (tokens audit.ClearTokens, err error) {
	l, _, err := s.locateWith(ctx, table, column)
	if err != nil {
		return tokens, err
	}
	tokens.Place = l.String() + "." + column
	old := "false"
	if l.has("created_at") {
		old = "t.created_at < now() - interval '1 hour'"
	}
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), count(*) filter (where %s) from %s t where t.%s is not null and %s", old, l.path(), postgres.Quote(column), l.alive()))
	if err == nil {
		tokens.Live, tokens.Old = numbers[0], numbers[1]
	}
	return tokens, err
}

// credentialHeaders matches the names of HTTP headers that carry a credential.
const credentialHeaders = "'^(authorization|proxy-authorization|cookie|.*(token|secret|api-?key|password|signature).*)$'"

// ClearSecrets implements audit.TokenSource.
func (s *Snapshot) ClearSecrets(ctx context.Context, secret audit.ClearSecret) (place string, count int64, err error) {
	l, column, err := s.locateWith(ctx, secret.Table, secret.Column)
	if err != nil {
		return "", 0, err
	}
	place = l.String() + "." + column
	path := "t." + postgres.Quote(column)
	isJSON := l.columns[column] == "json" || l.columns[column] == "jsonb"
	var args []string
	// A value that is encrypted begins as contract, section 1 says.
	const sealed = "!~ '^v[0-9]+:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+:'"
	condition := "coalesce(" + path + "::text, '') <> '' and " + path + "::text " + sealed
	switch {
	case secret.Form == audit.ClearMember && isJSON:
		args = []string{secret.Member}
		place += "." + secret.Member
		condition = "coalesce(" + path + "->>$1, '') <> '' and " + path + "->>$1 " + sealed
	case secret.Form == audit.ClearMember:
		args = []string{`"` + secret.Member + `"\s*:\s*"[^"]`}
		place += "." + secret.Member
		condition = path + "::text ~ $1"
	case secret.Form == audit.ClearHeaders && isJSON:
		condition = "exists (select from jsonb_each_text(case when jsonb_typeof(" + path + "::jsonb) = 'object' then " + path + "::jsonb else '{}' end) h where h.key ~* " + credentialHeaders + " and coalesce(h.value, '') <> '' and h.value " + sealed + ")"
	case secret.Form == audit.ClearHeaders:
		condition = "exists (select from regexp_matches(" + path + `::text, '"?([A-Za-z0-9-]+)"?\s*:', 'g') h where h[1] ~* ` + credentialHeaders + ")"
	}
	numbers, err := s.count(ctx, l, "select count(*) from "+l.path()+" t where "+condition, args...)
	if err == nil {
		count = numbers[0]
	}
	return place, count, err
}

// SessionAges implements audit.TokenSource.
func (s *Snapshot) SessionAges(ctx context.Context, milliseconds int64) (ages audit.SessionAges, err error) {
	l, _, err := s.locateWith(ctx, "sessions", "created_at")
	if err != nil {
		return ages, err
	}
	ages.Place = l.String()
	long := "t.expires_at - t.created_at > $1::bigint * interval '1 millisecond' + interval '1 hour'"
	rows, err := s.ask(ctx, s.selecting(l.schema, l.name, fmt.Sprintf(`select count(*), count(*) filter (where %[1]s),
		coalesce(date_trunc('hour', justify_hours(max(t.expires_at - t.created_at) filter (where %[1]s)))::text, ''), count(*) filter (where t.created_at > now() + interval '5 minutes')
		from %[2]s t where %[3]s`, long, l.path(), l.alive()), strconv.FormatInt(milliseconds, 10)))
	if err != nil {
		return ages, err
	}
	r := rows[0]
	ages.Live, ages.TooLong, ages.Longest, ages.InFuture = postgres.ParseNumber(r[0]), postgres.ParseNumber(r[1]), r[2], postgres.ParseNumber(r[3])
	return ages, nil
}

// CrowdedUsers implements audit.TokenSource.
func (s *Snapshot) CrowdedUsers(ctx context.Context, most int64) (users audit.CrowdedUsers, err error) {
	l, _, err := s.locateWith(ctx, "sessions", "user_id")
	if err != nil {
		return users, err
	}
	users.Place = l.String()
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), coalesce(max(n), 0) from (select count(*) as n from %s t where %s and t.user_id is not null group by t.user_id having count(*) > $1::bigint) c", l.path(), l.alive()),
		strconv.FormatInt(most, 10))
	if err == nil {
		users.Users, users.Most = numbers[0], numbers[1]
	}
	return users, err
}

// Outdated implements audit.TokenSource.
func (s *Snapshot) Outdated(ctx context.Context, table string, days int) (rows audit.Outdated, err error) {
	l, column, err := s.locateWith(ctx, table, "expires_at", "created_at")
	if err != nil {
		return rows, err
	}
	rows.Place = l.String()
	end := "t." + column
	if l.has("revoked_at") {
		end = "least(" + end + ", t.revoked_at)"
	}
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), count(*) filter (where %[1]s < now() - make_interval(days => $1::int + 30)) from %[2]s t where %[1]s < now() - make_interval(days => $1::int)", end, l.path()),
		strconv.Itoa(days))
	if err == nil {
		rows.Rows, rows.Late = numbers[0], numbers[1]
	}
	return rows, err
}

// maxKeys is how many API keys are listed by their ids.
const maxKeys = 10000

// keys lists the live API keys that meet a condition.
func (s *Snapshot) keys(ctx context.Context, l located, condition string, args ...string) (keys audit.APIKeys, err error) {
	keys.Table = l.String()
	used := "false"
	if l.has("last_used_at") {
		used = "t.last_used_at is not null"
	}
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), count(*) filter (where %s), count(*) filter (where %s) from %s t where %s", used, condition, l.path(), l.alive()), args...)
	if err != nil {
		return keys, err
	}
	keys.Live, keys.Used = numbers[0], numbers[1]
	rows, err := s.ask(ctx, s.selecting(l.schema, l.name, fmt.Sprintf("select t.id::text from %s t where %s and %s order by t.id limit %d", l.path(), l.alive(), condition, maxKeys), args...))
	keys.IDs = firstColumn(rows)
	keys.More = numbers[2] - int64(len(rows))
	return keys, err
}

// EndlessKeys implements audit.TokenSource.
func (s *Snapshot) EndlessKeys(ctx context.Context) (audit.APIKeys, error) {
	l, err := s.locate(ctx, "api_keys")
	if err != nil {
		return audit.APIKeys{}, err
	}
	condition := "true" // without the column no key expires
	if l.has("expires_at") {
		condition = "t.expires_at is null"
	}
	return s.keys(ctx, l, condition)
}

// UnusedKeys implements audit.TokenSource.
func (s *Snapshot) UnusedKeys(ctx context.Context, days int) (audit.APIKeys, error) {
	l, err := s.locate(ctx, "api_keys")
	if err != nil {
		return audit.APIKeys{}, err
	}
	last := ""
	for _, column := range []string{"last_used_at", "created_at"} {
		if l.has(column) {
			last += "t." + column + ", "
		}
	}
	return s.keys(ctx, l, "coalesce("+last+"'-infinity'::timestamp) < now() - make_interval(days => $1::int)", strconv.Itoa(days))
}

// Admins implements audit.TokenSource.
func (s *Snapshot) Admins(ctx context.Context, emails []string) (admins []audit.PlatformAdmin, err error) {
	users, err := s.locate(ctx, "users")
	if err != nil {
		return nil, err
	}
	flag := "false"
	if users.has("is_platform_admin") {
		flag = "coalesce(t.is_platform_admin, false)"
	}
	rows, err := s.ask(ctx, s.selecting(users.schema, users.name, fmt.Sprintf("select t.id::text, %[1]s from %[2]s t where %[1]s or lower(t.email::text) = any($1::text[]) order by 1", flag, users.path()), postgres.TextArray(emails)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	verified, unknown, err := s.secondFactors(ctx, firstColumn(rows))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		admins = append(admins, audit.PlatformAdmin{ID: row[0], ByFlag: row[1] == "t", Verified: verified[row[0]], Unknown: unknown})
	}
	return admins, nil
}

// secondFactors returns which of some users have a verified second factor, or why that cannot be told.
func (s *Snapshot) secondFactors(ctx context.Context, users []string) (verified map[string]bool, unknown *audit.Gap, err error) {
	l, column, err := s.locateWith(ctx, "user_mfa", "totp_verified", "totp_verified_at", "totp_enabled", "totp_secret_encrypted")
	var absent *audit.AbsentError
	switch {
	case errors.As(err, &absent):
		return nil, &audit.Gap{What: "second factors of platform admins", Reason: absent.Evidence + ": the server's security migration was not applied"}, nil
	case err != nil:
		return nil, nil, err
	}
	condition := "t." + column + " is not null"
	if l.columns[column] == "boolean" {
		condition = "t." + column
	}
	rows, err := s.ask(ctx, s.selecting(l.schema, l.name, fmt.Sprintf("select t.user_id::text from %s t where t.user_id::text = any($1::text[]) and %s", l.path(), condition), postgres.TextArray(users)))
	verified = map[string]bool{}
	for _, row := range rows {
		verified[row[0]] = true
	}
	return verified, nil, err
}

// EmergencyTokens implements audit.TokenSource.
func (s *Snapshot) EmergencyTokens(ctx context.Context) (tokens audit.EmergencyTokens, err error) {
	l, err := s.locate(ctx, "emergency_access_tokens")
	if err != nil {
		return tokens, err
	}
	tokens.Table, tokens.NoMark = l.String(), !l.has("used_at")
	reusable := "false"
	if l.has("single_use") {
		reusable = "not coalesce(t.single_use, true)"
	}
	numbers, err := s.count(ctx, l, fmt.Sprintf("select count(*), count(*) filter (where %s), count(*) filter (where %s and %[1]s) from %[3]s t", l.alive(), reusable, l.path()))
	if err == nil {
		tokens.Rows, tokens.Live, tokens.Reusable = numbers[0], numbers[1], numbers[2]
	}
	return tokens, err
}
