package pgaudit

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

// located is a table as the database has it.
type located struct {
	schema, name string
	columns      map[string]string // types by name
}

// path returns the name of the table as SQL writes it.
func (l located) path() string { return postgres.Quote(l.schema, l.name) }

// String returns the name for people.
func (l located) String() string { return l.schema + "." + l.name }

func (l located) has(column string) bool { return l.columns[column] != "" }

// first returns the first of some columns that the table has, "" for none.
func (l located) first(columns ...string) string {
	for _, column := range columns {
		if l.has(column) {
			return column
		}
	}
	return ""
}

// text returns a column t as a text, for operators of texts.
func (l located) text(column string) string {
	path := "t." + postgres.Quote(column)
	if kind := l.columns[column]; kind == "text" || kind == "character varying" {
		return path + "::text"
	}
	// The output function of a type is a superuser's, and no cast of others is run.
	return "case when " + path + " is not null then format('%s', " + path + ") end"
}

// alive is the condition that a row t of the table is live (contract, section 3).
func (l located) alive() string {
	terms := []string{"true"}
	if l.has("expires_at") {
		terms = append(terms, "coalesce(t.expires_at > now(), true)")
	}
	for _, mark := range []string{"revoked_at", "used_at", "confirmed_at"} {
		if l.has(mark) {
			terms = append(terms, "t."+mark+" is null")
		}
	}
	return strings.Join(terms, " and ")
}

// marks are columns by which a table of OCMT is told from one of another program with the same name, where
// the columns that a check reads do not tell.
var marks = map[string][]string{"users": {"gateway_token", "is_platform_admin"}, "sessions": {"token", "token_hash"}, "api_keys": {"key_hash"}, "emergency_access_tokens": {"token_hash"},
	"security_events": {"event_type"}, "mfa_attempts": {"attempt_type"}, "encryption_keys": {"version"}, "encryption_migrations": {"from_version"}}

// baseType selects, as base, the type of a column a under its domains.
const baseType = `(with recursive chain(oid) as (select a.atttypid union select d.typbasetype from chain join pg_type d on d.oid = chain.oid where d.typbasetype <> 0)
	select d.oid from chain join pg_type d on d.oid = chain.oid where d.typbasetype = 0) as base(oid)`

// castsByHand is the condition that somebody has given a type base a cast that runs a function of theirs.
// Comparing a value of the type could run it. Extensions may have such casts: a superuser, or whom one
// trusts, has installed them.
const castsByHand = `exists (select from pg_cast k join pg_proc f on f.oid = k.castfunc where k.castsource = base.oid and f.pronamespace <> 'pg_catalog'::regnamespace
	and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = k.oid and d.deptype = 'e'))`

// candidate is a relation that has the name of a table.
type candidate struct {
	located
	oid    string
	kind   string
	onPath bool
	usable bool     // the account may use its schema
	unsafe []string // columns whose values cannot be compared without running code of others
}

func (c candidate) isTable() bool { return c.kind == "r" || c.kind == "p" }

// candidates returns the relations of a name, those on the search path first and in its order.
func (s *Snapshot) candidates(ctx context.Context, name string) (list []candidate, err error) {
	rows, err := s.ask(ctx, question{what: "the table " + name, args: []string{name, postgres.TextArray(s.schemas)}, sql: `select n.nspname, c.relkind, array_position($2::text[], n.nspname::text) is not null,
			has_schema_privilege(n.oid, 'USAGE'), a.attname, format_type(base.oid, null), ` + castsByHand + `, c.oid
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped cross join lateral ` + baseType + `
		where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
		order by array_position($2::text[], n.nspname::text), 1, a.attnum`})
	for _, row := range rows {
		last := len(list) - 1
		if last < 0 || list[last].schema != row[0] {
			list = append(list, candidate{oid: row[7], located: located{schema: row[0], name: name, columns: map[string]string{}}, kind: row[1], onPath: row[2] == "t", usable: row[3] == "t"})
			last++
		}
		list[last].columns[row[4]] = row[5]
		if row[6] == "t" {
			list[last].unsafe = append(list[last].unsafe, row[4])
		}
	}
	return list, err
}

// locate finds a table on the search path. The error is an *audit.AbsentError where there is none of that
// name in any schema, and an *audit.GapError where it stands elsewhere or is no table, or where another
// schema has a table that could be the one that the servers use. Columns are those that a check reads; a
// table of another program with the same name has none of them.
func (s *Snapshot) locate(ctx context.Context, name string, columns ...string) (l located, err error) {
	list, err := s.candidates(ctx, name)
	if err != nil {
		return l, err
	}
	if len(list) == 0 {
		return l, &audit.AbsentError{What: name, Evidence: "pg_class has no table " + name}
	}
	found := list[0]
	if gap := s.doubt(found); gap.Reason != "" {
		return found.located, &audit.GapError{Gap: gap}
	}
	foreign, err := s.foreignCode(ctx, found.oid)
	if err != nil {
		return found.located, err
	}
	if code, there := foreign[found.oid]; there {
		return found.located, &audit.GapError{Gap: audit.Gap{What: found.String(), Reason: code.Reason()}}
	}
	if known := marks[name]; known != nil {
		columns = known
	}
	for _, other := range list[1:] {
		if other.first(columns...) != "" && (other.isTable() || other.onPath) {
			gap := audit.Gap{What: found.String() + " and " + other.String(), Reason: "two schemas have a table " + name + ", and which of them the servers use cannot be told"}
			return found.located, &audit.GapError{Gap: gap}
		}
	}
	return found.located, nil
}

// foreignCode returns what the server would run of other roles where it reads tables, by their OIDs.
func (s *Snapshot) foreignCode(ctx context.Context, oids ...string) (found map[string]postgres.ForeignCode, err error) {
	err = s.within(ctx, question{what: "whose code the tables can run"}, func(conn *pgconn.PgConn) error {
		found, err = postgres.FindForeignCode(ctx, conn, postgres.Reading, oids...)
		return err
	})
	return found, err
}

// doubt says why a relation cannot be taken for the table of its name; no Reason where it can.
func (s *Snapshot) doubt(c candidate) audit.Gap {
	gap := audit.Gap{What: c.String()}
	switch {
	case !c.usable:
		gap.Reason, gap.Missing = "the account may not look into its schema", "USAGE on schema "+c.schema
		gap.Rights = []finding.Right{postgres.SchemaRight("usage", c.schema, s.account)}
		gap.Grant = postgres.Grant(gap.Rights...)
	case !c.onPath:
		gap.Reason = "its schema is not on the search path of the account"
		gap.Grant = "alter role " + postgres.Ident(s.account) + " set search_path = " + postgres.Ident(c.schema) + ";"
	case !c.isTable():
		gap.Reason = notATable
	case len(c.unsafe) > 0:
		gap.Reason = "the type of its column " + c.unsafe[0] + " has casts that run functions of others"
	}
	return gap
}

// notATable is why what a view or a foreign table shows proves nothing.
const notATable = "it is a view or a foreign table, which can leave rows out"

// locateWith finds a table that has a column. Where it lacks the column, the error is an *audit.AbsentError.
func (s *Snapshot) locateWith(ctx context.Context, name string, columns ...string) (l located, column string, err error) {
	if l, err = s.locate(ctx, name, columns...); err != nil {
		return l, "", err
	}
	if column = l.first(columns...); column == "" {
		err = &audit.AbsentError{What: name, Evidence: "pg_attribute has no column " + strings.Join(columns, " or ") + " of " + l.String()}
	}
	return l, column, err
}
