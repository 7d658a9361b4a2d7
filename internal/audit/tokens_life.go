package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// The defaults of the server (contract, section 2).
const (
	defaultSessionTimeout = 604800000 // milliseconds
	defaultMaxSessions    = 5
)

// wholeSetting reads a setting that is a number, and says where the number is from. Without it, it returns the
// server's default.
func wholeSetting(sources *Sources, name string, standard int64) (value int64, from string) {
	text := ""
	if sources.Settings.there {
		text = strings.TrimSpace(sources.Settings.it.Text(name))
	}
	// The server reads the digits at the beginning, and takes its default where that gives no number above 0.
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		text = text[:end]
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value <= 0 {
		return standard, fmt.Sprintf("%s is not given: %d is taken, the server's default", name, standard)
	}
	return value, fmt.Sprintf("%s is %d", name, value)
}

// SessionAges counts live sessions by how long they last.
type SessionAges struct {
	Place    string
	Live     int64
	TooLong  int64
	Longest  string // of those that are too long: "30 days"
	InFuture int64  // those that begin more than five minutes from now
}

// lookAtSessionAges finds sessions that last too long.
func lookAtSessionAges(ctx context.Context, sources *Sources, source TokenSource) (seen Seen, err error) {
	limit, from := wholeSetting(sources, "USER_SESSION_TIMEOUT_MS", defaultSessionTimeout)
	ages, err := source.SessionAges(ctx, limit)
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(ages.Live, "live session", "live sessions") + " of " + ages.Place + "; " + from
	if ages.TooLong > 0 {
		seen.Faults = append(seen.Faults, Fault{Object: ages.Place, Message: "has sessions that last too long", Expected: fmt.Sprintf("at most %d ms", limit), Actual: "up to " + ages.Longest, Count: ages.TooLong, Places: []string{ages.Place}})
	}
	if ages.InFuture > 0 {
		seen.Faults = append(seen.Faults, Fault{Object: "clock of " + ages.Place, Severity: Low, Message: "has sessions that begin in the future: a server writes in another time zone than the database reads",
			Expected: "created_at up to now", Actual: countThings(ages.InFuture, "session", "sessions") + " from later than now", Count: ages.InFuture, Places: []string{ages.Place},
			Fix: "give the servers and the database the same time zone (TZ, and ALTER ROLE … SET timezone)"})
	}
	return seen, nil
}

// CrowdedUsers counts users with too many live sessions.
type CrowdedUsers struct {
	Place string
	Users int64 // those with too many
	Most  int64 // sessions of one user
}

// lookAtCrowdedUsers finds users with too many live sessions.
func lookAtCrowdedUsers(ctx context.Context, sources *Sources, source TokenSource) (seen Seen, err error) {
	most, from := wholeSetting(sources, "MAX_SESSIONS_PER_USER", defaultMaxSessions)
	users, err := source.CrowdedUsers(ctx, most)
	if err != nil {
		return seen, err
	}
	seen.Looked = "live rows of " + users.Place + "; " + from
	if users.Users > 0 {
		seen.Faults = append(seen.Faults, Fault{Object: users.Place, Message: "has users with too many live sessions", Expected: fmt.Sprintf("at most %d a user", most), Actual: fmt.Sprintf("up to %d", users.Most),
			Count: users.Users, Places: []string{users.Place}})
	}
	return seen, nil
}

// Outdated counts rows that are past their time.
type Outdated struct {
	Place string
	Rows  int64 // past their time
	Late  int64 // past it for more than 30 days
}

// maxOutdated is how many rows may be past their time.
const maxOutdated = 1000

// outdatedTables are the tables that should be cleaned, with the days that a row is kept after its end.
var outdatedTables = []struct {
	table string
	days  int
}{{"sessions", 0}, {"security_events", 90}, {"mfa_attempts", 30}}

// lookAtOutdated finds rows that nobody removes.
func lookAtOutdated(ctx context.Context, _ *Sources, source TokenSource) (Seen, error) {
	var all parts
	for _, one := range outdatedTables {
		rows, err := source.Outdated(ctx, one.table, one.days)
		ok, err := all.add(fmt.Sprintf("%s: %d past their time", rows.Place, rows.Rows), err)
		if err != nil {
			return all.seen, err
		}
		if ok && (rows.Rows > maxOutdated || rows.Late > 0) {
			all.seen.Faults = append(all.seen.Faults, Fault{Object: rows.Place, Message: "is not cleaned", Expected: fmt.Sprintf("at most %d rows past their time, none for 30 days", maxOutdated),
				Actual: countThings(rows.Rows, "row past its time", "rows past their time") + fmt.Sprintf(", %d of them for 30 days", rows.Late), Count: rows.Rows, Places: []string{rows.Place}})
		}
	}
	return all.result(), nil
}

// APIKeys are API keys with something in common.
type APIKeys struct {
	Table string
	IDs   []string
	More  int64 // those that are not in IDs, because they are many
	Live  int64 // all that are alive
	Used  int64 // those of them that were ever used
}

// keyFaults makes a fault of each key.
func keyFaults(keys APIKeys, cause, message, expected, actual string) (faults []Fault) {
	for _, id := range keys.IDs {
		faults = append(faults, Fault{Object: keys.Table + " id " + id, Cause: cause + " of " + keys.Table, Message: message, Expected: expected, Actual: actual, Places: []string{keys.Table + " id " + id}})
	}
	if keys.More > 0 {
		faults = append(faults, Fault{Object: keys.Table + " and more", Cause: cause + " of " + keys.Table, Message: message, Expected: expected, Actual: actual, Count: keys.More})
	}
	return faults
}

// lookAtEndlessKeys finds API keys without an end.
func lookAtEndlessKeys(ctx context.Context, _ *Sources, source TokenSource) (seen Seen, err error) {
	keys, err := source.EndlessKeys(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(keys.Live, "live key", "live keys") + " of " + keys.Table
	seen.Faults = keyFaults(keys, "keys without an end", "do not expire", "an expires_at", "none")
	return seen, nil
}

// unusedDays is after how many days a key counts as unused.
const unusedDays = 90

// lookAtUnusedKeys finds API keys that nobody uses.
func lookAtUnusedKeys(ctx context.Context, _ *Sources, source TokenSource) (seen Seen, err error) {
	keys, err := source.UnusedKeys(ctx, unusedDays)
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(keys.Live, "live key", "live keys") + " of " + keys.Table + fmt.Sprintf(", %d of which were ever used", keys.Used)
	actual := "last_used_at, or else created_at, is longer ago"
	if keys.Used == 0 {
		actual += "; no key has a last_used_at, so the server may not note uses"
	}
	seen.Faults = keyFaults(keys, "unused keys", "were not used for 90 days", "a use in the last 90 days", actual)
	return seen, nil
}

// PlatformAdmin is a user who administers the whole deployment.
type PlatformAdmin struct {
	ID       string
	ByFlag   bool // is_platform_admin; else by ADMIN_EMAILS
	Verified bool // a second factor
	Unknown  *Gap // why it cannot be told whether there is one
}

// lookAtAdmins finds platform admins without a second factor.
func lookAtAdmins(ctx context.Context, sources *Sources, source TokenSource) (seen Seen, err error) {
	var emails []string
	seen.Looked = "ADMIN_EMAILS is not given"
	if sources.Settings.there {
		for _, email := range strings.Split(sources.Settings.it.Text("ADMIN_EMAILS"), ",") {
			if email = strings.ToLower(strings.TrimSpace(email)); email != "" {
				emails = append(emails, email)
			}
		}
		seen.Looked = countThings(int64(len(emails)), "address", "addresses") + " of ADMIN_EMAILS"
	}
	admins, err := source.Admins(ctx, emails)
	if err != nil {
		return seen, err
	}
	seen.Looked += ", " + countThings(int64(len(admins)), "admin", "admins")
	for _, admin := range admins {
		switch {
		case admin.Unknown != nil && len(seen.Gaps) == 0:
			seen.Gaps = append(seen.Gaps, *admin.Unknown)
		case admin.Unknown == nil && !admin.Verified:
			how := "is_platform_admin"
			if !admin.ByFlag {
				how = "ADMIN_EMAILS"
			}
			seen.Faults = append(seen.Faults, Fault{Object: "user " + admin.ID, Cause: "platform admins", Message: "have no verified second factor", Expected: "a verified TOTP in user_mfa", Actual: "none",
				Places: []string{"user " + admin.ID + " by " + how}})
		}
	}
	return seen, nil
}

// EmergencyTokens counts tokens for emergencies.
type EmergencyTokens struct {
	Table    string
	Rows     int64
	Live     int64
	Reusable int64 // those that a use does not end
	NoMark   bool  // the table has no column that marks a use
}

// lookAtEmergencyTokens finds tokens for emergencies that are alive, or can be used again.
func lookAtEmergencyTokens(ctx context.Context, _ *Sources, source TokenSource) (seen Seen, err error) {
	tokens, err := source.EmergencyTokens(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = countThings(tokens.Rows, "row", "rows") + " of " + tokens.Table
	if tokens.Live > 0 {
		seen.Faults = append(seen.Faults, Fault{Object: tokens.Table, Message: "has tokens that are alive", Expected: "none", Actual: countThings(tokens.Live, "token", "tokens") + " alive", Count: tokens.Live, Places: []string{tokens.Table}})
	}
	if tokens.Reusable > 0 || tokens.NoMark && tokens.Rows > 0 {
		seen.Faults = append(seen.Faults, Fault{Object: tokens.Table + " single use", Message: "can be used again", Expected: "used_at, and single_use where there is such a column", Actual: countThings(max(tokens.Reusable, 1), "token", "tokens") + " that a use does not end",
			Count: tokens.Reusable, Places: []string{tokens.Table}})
	}
	return seen, nil
}
