package pgaudit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Describe implements review.Database.
func (t *Timeline) Describe(ctx context.Context) (*review.Description, error) {
	found, description := &timelineLayout{}, &review.Description{}
	err := t.readFrom(ctx, t.limit, func(conn *pgconn.PgConn, schemas string) error {
		rows, err := postgres.QueryRows(ctx, conn, "select current_database(), current_setting('TimeZone'), (extract(epoch from now()) * 1000)::bigint")
		if err != nil {
			return err
		}
		description.Database, description.Now = rows[0][0], time.UnixMilli(postgres.ParseNumber(rows[0][2])).UTC()
		for _, form := range timelineForms {
			table, err := describeTimelineTable(ctx, conn, form, schemas, rows[0][1])
			if err != nil {
				return fmt.Errorf("describing %s: %w", form.source, err)
			}
			description.States = append(description.States, table.description)
			if !table.description.Unread.IsSet() {
				found.tables = append(found.tables, table)
			}
		}
		if description.ZoneDoubt, err = findZoneDoubt(ctx, conn, found.tables); err != nil {
			return err
		}
		return found.describePeople(ctx, conn, schemas)
	})
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = found
	return description, nil
}

// timelineReadable is the condition that the account may read a column a.
const timelineReadable = "has_column_privilege(a.attrelid, a.attnum, 'SELECT')"

// describePeople looks where users and groups are, and whether they can be looked up.
func (l *timelineLayout) describePeople(ctx context.Context, conn *pgconn.PgConn, schemas string) error {
	rows, err := postgres.QueryRows(ctx, conn, `select distinct on (c.relname) c.relname, n.nspname, not row_security_active(c.oid) and 2 = (select count(*) from pg_attribute a
			where a.attrelid = c.oid and not a.attisdropped and (c.relname, a.attname) in (('users', 'id'), ('users', 'email'), ('groups', 'id'), ('groups', 'name')) and `+timelineReadable+`)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname in ('users', 'groups') and c.relkind in ('r', 'p') and n.nspname = any($1::name[])
		order by c.relname, array_position($1::name[], n.nspname)`, schemas)
	l.users = postgres.Quote("users")
	for _, row := range rows {
		path := postgres.Quote(row[1], row[0])
		if row[0] == "users" {
			l.users, l.emails = path, row[2] == "t"
		} else {
			l.groupsPath, l.groups = path, row[2] == "t"
		}
	}
	for i := range l.tables {
		l.tables[i].users = l.users
	}
	return err
}

// timelineRelation is a relation of the name of an audit table.
type timelineRelation struct {
	oid, schema, name, kind string
	onPath, enters, selects bool // its schema is on the search path; the account may use it; the account may read columns
	account                 string
	foreign                 string // why reading it would run code of others; "" where it does not
	path                    string // what the search path has, with a comma after it
}

// findRelation looks for a relation of the form's name: on the search path first, and then in any schema,
// of any kind, so that one which cannot be read does not pass for one that is not there. The tool's own
// table is in one of two schemas. It returns nil for none.
func (f timelineForm) findRelation(ctx context.Context, conn *pgconn.PgConn, schemas string) (*timelineRelation, error) {
	name, where := string(f.source), "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
	if f.source == review.Record {
		name, where = "record", "n.nspname in ('ocmt', 'ocmt_tool')"
		schemas = "{ocmt,ocmt_tool}"
	}
	rows, err := postgres.QueryRows(ctx, conn, `select c.oid, n.nspname, c.relkind, array_position($1::name[], n.nspname) is not null, has_schema_privilege(n.oid, 'USAGE'), current_user,
		has_any_column_privilege(c.oid, 'SELECT')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = $2::name and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and `+where+`
		order by array_position($1::name[], n.nspname) nulls last, c.relkind in ('r', 'p') desc, n.nspname limit 1`, schemas, name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	row, path := rows[0], strings.Trim(schemas, "{}")
	if path != "" {
		path = strings.ReplaceAll(path, ",", ", ") + ", "
	}
	foreign, err := postgres.FindForeignCode(ctx, conn, postgres.Reading, row[0])
	if err != nil {
		return nil, err
	}
	reason := ""
	if code, there := foreign[row[0]]; there {
		reason = code.Reason() + ": " + code.Way
	}
	return &timelineRelation{foreign: reason, path: path, oid: row[0], schema: row[1], kind: row[2], onPath: row[3] == "t", enters: row[4] == "t", account: row[5], name: name, selects: row[6] == "t"}, nil
}

// whyUnread returns why a relation is not read, and what cures it. It is not set where the relation can be read.
func (r timelineRelation) whyUnread() finding.Reason {
	kinds := map[string]string{"v": "a view", "m": "a materialised view", "f": "a foreign table", "S": "a sequence", "c": "a type"}
	switch schema := postgres.Ident(r.schema); {
	case kinds[r.kind] != "":
		return finding.Reason{Text: "in schema " + schema + " there is " + kinds[r.kind] + " of this name and no table: find out who made it and why, and put the table back"}
	case !r.enters:
		missing := []finding.Right{postgres.SchemaRight("usage", r.schema, r.account)}
		if !r.selects {
			missing = append(missing, postgres.TableRight("select", r.schema, r.name, r.account))
		}
		return finding.Reason{Text: "the account may not read it", Missing: missing}
	case !r.onPath:
		return finding.Reason{Text: "it is in schema " + schema + ", which is not on the search path of this account: alter role " + postgres.Ident(r.account) + " set search_path = " + r.path + schema + ";"}
	}
	return finding.Reason{Text: r.foreign}
}

// describeTimelineTable looks for a table, its columns, and the index that brings its rows into order.
func describeTimelineTable(ctx context.Context, conn *pgconn.PgConn, form timelineForm, schemas, zone string) (l timelineTable, err error) {
	l = timelineTable{timelineForm: form, zone: zone, types: map[string]string{}, description: review.State{Source: form.source, Lacking: []string{}}}
	relation, err := form.findRelation(ctx, conn, schemas)
	if err != nil {
		return l, err
	}
	if relation == nil {
		l.description.Absent, l.description.Unread.Text = true, "there is no such table in this database"
		if form.source == review.Record {
			l.description.Unread.Text = "ocmt has recorded nothing in this database"
		}
		return l, nil
	}
	if l.description.Unread = relation.whyUnread(); l.description.Unread.IsSet() {
		return l, nil
	}
	rows, err := postgres.QueryRows(ctx, conn, `select c.relname, row_security_active(c.oid), pg_relation_size(c.oid) > 256 << 20, a.attname, format_type(a.atttypid, null), a.attnotnull, `+timelineReadable+`
		from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped where c.oid = $1::oid`, relation.oid)
	if err != nil {
		return l, err
	}
	l.oid, l.schema = relation.oid, relation.schema
	forbidden := map[string]bool{}
	for _, row := range rows {
		l.name, l.large = row[0], row[2] == "t"
		if row[6] != "t" {
			forbidden[row[3]] = true
			continue
		}
		l.types[row[3]] = row[4]
		l.notNull = l.notNull || row[3] == form.columns[review.Time] && row[5] == "t"
	}
	l.describeColumns(forbidden, relation.account)
	switch {
	case len(rows) > 0 && rows[0][1] == "t":
		l.description.Unread.Text = "row security hides rows of it from this account: use one with BYPASSRLS"
	case !l.description.Unread.IsSet():
		err = l.describeOrder(ctx, conn)
	}
	return l, err
}

// describeColumns says which columns are not there, or not to be read. Without the time, the id or the
// action of its rows a table is not read.
func (l *timelineTable) describeColumns(forbidden map[string]bool, account string) {
	for field := range review.FieldCount {
		name, asked := l.columns[field]
		if !asked {
			continue
		}
		if l.description.Has[field] = l.types[name] != ""; l.description.Has[field] {
			continue
		}
		l.description.Lacking = append(l.description.Lacking, name)
		if field != review.Time && field != review.ID && field != review.Action {
			continue
		}
		if l.description.Unread = (finding.Reason{Text: "it has no column " + name}); forbidden[name] {
			l.description.Unread = finding.Reason{Text: "the account may not read it", Missing: []finding.Right{postgres.TableRight("select", l.schema, l.name, account)}}
		}
	}
	switch kind := l.typeOf(review.Time); {
	case kind == zonelessType:
		l.description.Zone = l.zone
	case kind != "" && kind != "timestamp with time zone":
		l.description.Unread.Text = "its column " + l.columns[review.Time] + " is of type " + kind
	}
}

// timelineIndex is an index that can bring rows into the order of their times.
type timelineIndex struct {
	first, second         string
	firstDesc, secondDesc bool
	firstNullsFirst       bool
	secondNullsFirst      bool
}

// describeOrder chooses how the rows are brought into order.
func (l *timelineTable) describeOrder(ctx context.Context, conn *pgconn.PgConn) error {
	indexes, err := readTimelineIndexes(ctx, conn, l.oid)
	if err != nil {
		return err
	}
	l.chooseOrder(indexes)
	l.description.Order = l.order
	switch l.order {
	case review.ByKey:
		l.description.Assumed = "no index on its time: rows are taken in the order of their ids, as if times went up with them"
	case review.ByTenant:
		return l.describeTenants(ctx, conn)
	}
	return nil
}

// chooseOrder takes the index that needs no assumption, or else the primary key where it is a number.
func (l *timelineTable) chooseOrder(indexes []timelineIndex) {
	at, id, tenant := l.columns[review.Time], l.columns[review.ID], l.columns[review.Tenant]
	numbered := slices.Contains([]string{"smallint", "integer", "bigint"}, l.typeOf(review.ID))
	l.order = review.BySort
	for _, one := range indexes {
		l.keyed = l.keyed || one.first == id && numbered
		switch {
		case one.first == at:
			l.order, l.nulls = review.ByTime, nullsOf(one.firstDesc, one.firstNullsFirst)
			return
		case l.column(review.Tenant) != "" && one.first == tenant && one.second == at:
			l.order, l.nulls, l.tenantOrder = review.ByTenant, nullsOf(one.secondDesc, one.secondNullsFirst), tenantOrderOf(one)
		case one.first == id && numbered && l.order == review.BySort:
			l.order = review.ByKey
		}
	}
}

// describeTenants counts the tenants that have rows.
func (l *timelineTable) describeTenants(ctx context.Context, conn *pgconn.PgConn) error {
	tenants, err := postgres.QueryColumn(ctx, conn, l.tenantsSQL())
	l.tenants, l.byLateral = len(tenants) > 0, len(tenants) <= maxTenants
	if !l.byLateral {
		l.description.Assumed = "no index on its time alone, and many tenants: rows with a tenant are taken in the order of their ids, as if times went up with them"
	}
	return err
}

// readTimelineIndexes returns the whole, valid B-tree indexes of a table by their first two columns.
func readTimelineIndexes(ctx context.Context, conn *pgconn.PgConn, oid string) (indexes []timelineIndex, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select a.attname, coalesce(b.attname, ''), i.indoption[0] & 1, coalesce(i.indoption[1], 0) & 1, i.indoption[0] & 2, coalesce(i.indoption[1], 0) & 2
		from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam and m.amname = 'btree'
		join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		left join pg_attribute b on b.attrelid = i.indrelid and b.attnum = i.indkey[1] and i.indnkeyatts > 1
		where i.indrelid = $1::oid and i.indisvalid and i.indisready and i.indpred is null order by i.indexrelid`, oid)
	for _, row := range rows {
		indexes = append(indexes, timelineIndex{first: row[0], second: row[1], firstDesc: row[2] != "0", secondDesc: row[3] != "0", firstNullsFirst: row[4] != "0", secondNullsFirst: row[5] != "0"})
	}
	return indexes, err
}

// nullsOf says where NULL stands when a column of an index is read from its largest value down.
func nullsOf(desc, nullsFirst bool) string {
	if desc == nullsFirst {
		return "" // first, as for every descending order
	}
	return " nulls last"
}

// tenantOrderOf returns the order of the tenants in an index whose times are read from the newest down.
func tenantOrderOf(one timelineIndex) string {
	backward := !one.secondDesc
	order := " asc"
	if one.firstDesc != backward {
		order = " desc"
	}
	if one.firstNullsFirst != backward {
		return order + " nulls first"
	}
	return order + " nulls last"
}

// findZoneDoubt says why times without a zone may be read wrongly: the servers write them in the zone
// of their own connections.
func findZoneDoubt(ctx context.Context, conn *pgconn.PgConn, tables []timelineTable) (string, error) {
	zoneless := false
	for _, table := range tables {
		zoneless = zoneless || table.description.Zone != ""
	}
	if !zoneless {
		return "", nil
	}
	rows, err := postgres.QueryRows(ctx, conn, `select current_setting('TimeZone'), (select source from pg_settings where name = 'TimeZone'),
		coalesce((select r.rolname || ' has ' || split_part(c, '=', 2) from pg_db_role_setting s cross join unnest(s.setconfig) c join pg_roles r on r.oid = s.setrole
			where c ilike 'timezone=%' and s.setdatabase in (0, (select oid from pg_database where datname = current_database())) and r.rolcanlogin
			and r.rolname <> current_user and split_part(c, '=', 2) <> current_setting('TimeZone') order by 1 limit 1), '')`)
	if err != nil {
		return "", fmt.Errorf("asking for time zones: %w", err)
	}
	switch zone, source, other := rows[0][0], rows[0][1], rows[0][2]; {
	case source == "client":
		return "PGTZ or DATABASE_URL sets the time zone " + zone + " for this connection, and the servers may write in another one", nil
	case other != "":
		return "this connection has the time zone " + zone + ", and the account " + other, nil
	}
	return "", nil
}
