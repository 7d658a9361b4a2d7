package pgaudit

import (
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// timelineForm says which column of an audit table tells what (contract, section 5).
type timelineForm struct {
	source  review.Source
	columns map[review.Field]string
	// prefix stands before the actions, where the table has only a part of their names.
	prefix string
}

// timelineForms are the audit tables.
var timelineForms = []timelineForm{
	{source: review.AuditLog, columns: map[review.Field]string{review.Time: "timestamp", review.ID: "id", review.Action: "action", review.User: "user_id", review.Target: "target_user_id",
		review.Tenant: "tenant_id", review.Address: "ip_address", review.Details: "details"}},
	{source: review.MeshAuditLogs, columns: map[review.Field]string{review.Time: "timestamp", review.ID: "id", review.Action: "event_type", review.User: "actor_id", review.Target: "target_id",
		review.Group: "group_id", review.Address: "ip_address", review.Success: "success", review.Error: "error_message", review.Origin: "source", review.Details: "details"}},
	{source: review.GroupVaultAudit, columns: map[review.Field]string{review.Time: "created_at", review.ID: "id", review.Action: "action", review.User: "user_id", review.Group: "group_id",
		review.Object: "secret_key", review.Address: "ip_address", review.Success: "success", review.Error: "error_message", review.Details: "metadata"}},
	{source: review.SecurityEvents, columns: map[review.Field]string{review.Time: "created_at", review.ID: "id", review.Action: "event_type", review.User: "user_id", review.Group: "group_id",
		review.Severity: "severity", review.Address: "ip_address", review.Agent: "user_agent", review.Details: "details"}},
	{source: review.MFAAttempts, prefix: "mfa.", columns: map[review.Field]string{review.Time: "created_at", review.ID: "id", review.Action: "attempt_type", review.User: "user_id",
		review.Success: "success", review.Address: "ip_address"}},
	{source: review.Record, columns: map[review.Field]string{review.Time: "at", review.ID: "sequence", review.Action: "action", review.Object: "subject", review.Origin: "operator", review.Details: "details"}},
}

// timelineTable is an audit table as the database has it.
type timelineTable struct {
	timelineForm
	oid, schema, name string
	types             map[string]string // of the columns that can be read, by their names
	notNull           bool              // a row always has a time
	zone              string            // of the connection, for times without one
	users             string            // the table of the users as SQL writes its name
	description       review.State

	order review.Order
	// nulls says where rows without a time stand in the order of the index.
	nulls string
	// tenantOrder is how the index on tenant and time is read so that the newest rows come first.
	tenantOrder string
	tenants     bool // there are rows with a tenant
	// byLateral says that they are read tenant by tenant, because there are not too many.
	byLateral bool
	keyed     bool // the id is a number, and has an index
	large     bool // too large to be read whole for a count

	// The rest is about one page: where it begins, and between which primary keys its rows are.
	after             *review.Position
	firstKey, lastKey string // "" for no bound
	allOlder          bool   // every row is older than the page
}

// timelineLayout is all that is known of the audit tables.
type timelineLayout struct {
	tables            []timelineTable
	emails, groups    bool   // users and groups can be read
	users, groupsPath string // the names of their tables as SQL writes them
}

// path returns the name of the table as SQL writes it.
func (l timelineTable) path() string { return postgres.Quote(l.schema, l.name) }

// column returns the column of a field, "" where it cannot be read.
func (l timelineTable) column(field review.Field) string {
	if name := l.columns[field]; l.types[name] != "" {
		return "t." + postgres.Quote(name)
	}
	return ""
}

// text returns the column of a field as a text, "" where it cannot be read. A value of a type that is not
// the server's own is written as the type writes it: a cast may be a function that somebody has made.
func (l timelineTable) text(field review.Field) string {
	column := l.column(field)
	switch {
	case column == "":
		return ""
	case strings.Contains(l.typeOf(field), "."):
		return "nullif(pg_catalog.concat(" + column + "), '')"
	}
	return column + "::pg_catalog.text"
}

func (l timelineTable) typeOf(field review.Field) string { return l.types[l.columns[field]] }

// answers reports whether rows of the table may match a filter.
func (l timelineTable) answers(filter review.Filter) bool {
	return filter.Takes(l.source) && l.description.CannotAnswer(filter) == ""
}

const zonelessType = "timestamp without time zone"

// utcTime returns the time of a row in UTC, without a zone.
func (l timelineTable) utcTime() string {
	column := l.column(review.Time)
	switch {
	case l.typeOf(review.Time) != zonelessType:
		return column + " at time zone 'UTC'"
	case l.zone == "UTC" || l.zone == "Etc/UTC" || l.zone == "GMT":
		return column
	}
	return column + "::timestamptz at time zone 'UTC'"
}

// bound returns a time with a zone, which a parameter gives, in the type of the table's column. The
// column is never converted, so that its index serves.
func (l timelineTable) bound() string {
	if l.typeOf(review.Time) == zonelessType {
		return "(%s::timestamptz at time zone current_setting('TimeZone'))"
	}
	return "%s::timestamptz"
}

// expression returns a field as the rows are read, "null" where the table has none.
func (l timelineTable) expression(field review.Field) string {
	column := l.column(field)
	switch {
	case column == "":
		return "null"
	case field == review.Time:
		return l.utcTime()
	case field == review.Address && l.typeOf(field) == "inet":
		return "host(" + column + ")"
	case field == review.Action:
		return l.action()
	}
	return column
}

func (l timelineTable) action() string {
	if l.prefix == "" {
		return l.text(review.Action)
	}
	return "'" + l.prefix + "' || " + l.text(review.Action)
}

// selectList returns the columns that timelineRow reads: with own, the time in its own type before them.
func (l timelineTable) selectList(own bool) string {
	var list []string
	if own {
		list = append(list, l.column(review.Time))
	}
	for field := range review.FieldCount {
		list = append(list, l.expression(field))
	}
	return strings.Join(list, ", ")
}

// addFilter adds the criteria of a filter.
func (l timelineTable) addFilter(p *timelinePredicate, filter review.Filter) {
	column := l.column(review.Time)
	if !filter.Since.IsZero() {
		p.add(column+" >= "+l.bound(), timeText(filter.Since))
	}
	if !filter.Until.IsZero() {
		p.add(column+" < "+l.bound(), timeText(filter.Until))
	}
	if len(filter.Users) > 0 {
		p.any(l.equals(review.User, filter.Users), l.equals(review.Target, filter.Users))
	}
	if len(filter.Tenants) > 0 {
		var ofUser timelineTerm
		if user := l.text(review.User); user != "" {
			ofUser = timelineTerm{user + " in (select u.id::text from " + strings.ReplaceAll(l.users, "%", "%%") + " u where u.tenant_id::text = any(%s::text[]))", postgres.TextArray(filter.Tenants)}
		}
		p.any(l.equals(review.Tenant, filter.Tenants), ofUser)
	}
	if len(filter.Groups) > 0 {
		p.any(l.equals(review.Group, filter.Groups))
	}
	if prefix, is := filter.ActionPrefix(); is {
		p.add("left("+l.action()+", length(%[1]s::text)) = %[1]s::text", prefix)
	} else if filter.Action != "" {
		p.add(l.action()+" = %s", filter.Action)
	}
	if len(filter.Networks) > 0 {
		texts := make([]string, len(filter.Networks))
		for i, network := range filter.Networks {
			texts[i] = network.String()
		}
		p.add(l.address()+" <<= any(%s::inet[])", postgres.TextArray(texts))
	}
	l.addMeaning(p, filter)
}

// addMeaning adds the criteria that are about what a row tells.
func (l timelineTable) addMeaning(p *timelinePredicate, filter review.Filter) {
	if filter.Failed {
		term := l.action() + " ~* %s"
		if success := l.column(review.Success); l.typeOf(review.Success) == "boolean" {
			term = success + " is false or (" + success + " is null and " + term + ")"
		}
		p.add(term, review.FailingPattern())
	}
	if filter.Telling && l.source != review.MFAAttempts && l.source != review.Record {
		term := l.action() + " ~* %s"
		if l.source == review.AuditLog && l.typeOf(review.Details) == "jsonb" {
			term += " or " + l.column(review.Details) + " ->> 'tool' = 'ocmt'"
		}
		p.add(term, review.TellingPattern())
	}
}

// equals returns the term that a field is one of some ids, in the type of its column so that an index
// serves; no term where the table has no such column.
func (l timelineTable) equals(field review.Field, ids []string) timelineTerm {
	column := l.column(field)
	switch {
	case column == "":
		return timelineTerm{}
	case l.typeOf(field) == "uuid":
		return timelineTerm{column + " = any(array(select x::uuid from unnest(%s::text[]) x where x ~ '" + uuidPattern + "'))", postgres.TextArray(ids)}
	}
	return timelineTerm{l.text(field) + " = any(%s::text[])", postgres.TextArray(ids)}
}

// The texts that the server reads as an address without an error.
const (
	ipv4Octet   = `(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])`
	ipv4Pattern = ipv4Octet + `([.]` + ipv4Octet + `){3}`
	ipv6Pattern = `([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,7}:|([0-9a-f]{1,4}:){1,6}:[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,5}(:[0-9a-f]{1,4}){1,2}|` +
		`([0-9a-f]{1,4}:){1,4}(:[0-9a-f]{1,4}){1,3}|([0-9a-f]{1,4}:){1,3}(:[0-9a-f]{1,4}){1,4}|([0-9a-f]{1,4}:){1,2}(:[0-9a-f]{1,4}){1,5}|[0-9a-f]{1,4}:(:[0-9a-f]{1,4}){1,6}|` +
		`:(:[0-9a-f]{1,4}){1,7}|::|::ffff:` + ipv4Pattern
	timelineAddressPattern = `^(` + ipv4Pattern + `|` + ipv6Pattern + `)$`
)

// hostText returns the address of a row as it is written, "" where the table has none.
func (l timelineTable) hostText() string {
	if l.typeOf(review.Address) == "inet" {
		return "host(" + l.column(review.Address) + ")"
	}
	return l.text(review.Address)
}

// address returns the address of a row, an IPv4 address also where it is written within IPv6. A text
// that is no address is NULL rather than an error.
func (l timelineTable) address() string {
	column := l.hostText()
	// The first of a list is that of the client; a port, brackets and zeros before a number are no part of it.
	first := "btrim(split_part(" + column + ", ',', 1))"
	plain := `regexp_replace(regexp_replace(regexp_replace(` + first + `, '^\[([^]]*)\](:[0-9]+)?$', '\1'), '^([0-9.]+):[0-9]+$', '\1'), '(^|[.])0+([0-9])', '\1\2', 'g')`
	written := fmt.Sprintf("case when %[1]s ~* '%[2]s' then %[1]s else %[3]s end as w", column, timelineAddressPattern, plain)
	parsed := fmt.Sprintf("case when w ~* '%s' then w::inet end as a", timelineAddressPattern)
	return `(select case when a << '::ffff:0:0/96' then '0.0.0.0'::inet + (a - '::ffff:0:0'::inet) else a end from (select ` + parsed + ` from (select ` + written + `) y) x)`
}
