package pgaudit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Describe implements review.Database.
func (t *Timeline) Describe(ctx context.Context) (*review.Description, error) {
	found, description := &timelineLayout{}, &review.Description{}
	err := t.readOnPath(ctx, t.limit, func(conn *pgconn.PgConn) error {
		relations, err := findTimelineTables(ctx, conn)
		if err != nil {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, "select current_database(), current_setting('TimeZone'), (extract(epoch from now()) * 1000)::bigint")
		if err != nil {
			return err
		}
		description.Database, description.Now = rows[0][0], time.UnixMilli(postgres.ParseNumber(rows[0][2])).UTC()
		if err := found.describePeople(ctx, conn, relations); err != nil {
			return err
		}
		for _, form := range timelineForms {
			table, err := describeTimelineTable(ctx, conn, form, relations[string(form.source)], rows[0][1])
			if err != nil {
				return fmt.Errorf("describing %s: %w", form.source, err)
			}
			description.States = append(description.States, table.description)
			table.users = found.users
			if table.description.Unread == "" {
				found.tables = append(found.tables, table)
			}
		}
		description.ZoneDoubt, err = findZoneDoubt(ctx, conn, found.tables)
		return err
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

// findTimelineTables returns the OIDs of the tables that the account's search path finds, "" for none, by their
// names. Then the names of the transaction are PostgreSQL's own.
func findTimelineTables(ctx context.Context, conn *pgconn.PgConn) (map[string]string, error) {
	names, terms := []string{"users", "groups"}, []string{"pg_catalog.to_regclass('users')::oid", "pg_catalog.to_regclass('groups')::oid"}
	for _, form := range timelineForms {
		names, terms = append(names, string(form.source)), append(terms, form.relation())
	}
	rows, err := postgres.QueryRows(ctx, conn, "select "+strings.Join(terms, ", "))
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for i, name := range names {
		found[name] = rows[0][i]
	}
	_, err = conn.Exec(ctx, timelinePath).ReadAll()
	return found, postgres.ExplainError(err)
}

// describePeople looks whether users and groups can be looked up.
func (l *timelineLayout) describePeople(ctx context.Context, conn *pgconn.PgConn, relations map[string]string) error {
	rows, err := postgres.QueryRows(ctx, conn, `select c.relname, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
		where c.oid in (nullif($1, '')::oid, nullif($2, '')::oid) and (c.relname, a.attname) in (('users', 'id'), ('users', 'email'), ('groups', 'id'), ('groups', 'name'))
		and `+timelineReadable+` and not row_security_active(c.oid) group by 1, 2 having count(*) = 2`, relations["users"], relations["groups"])
	for _, row := range rows {
		if path := postgres.Quote(row[1], row[0]); row[0] == "users" {
			l.users = path
		} else {
			l.groups = path
		}
	}
	return err
}

// describeTimelineTable looks for a table, its columns, and the index that brings its rows into order.
func describeTimelineTable(ctx context.Context, conn *pgconn.PgConn, form timelineForm, oid, zone string) (l timelineTable, err error) {
	l = timelineTable{timelineForm: form, zone: zone, types: map[string]string{}, description: review.State{Source: form.source, Lacking: []string{}}}
	rows, err := postgres.QueryRows(ctx, conn, `select c.oid, n.nspname, c.relname, row_security_active(c.oid), has_schema_privilege(n.oid, 'USAGE'), pg_relation_size(c.oid) > 256 << 20,
		a.attname, format_type(a.atttypid, null), a.attnotnull, `+timelineReadable+`, current_user
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.oid = nullif($1, '')::oid and c.relkind in ('r', 'p')`, oid)
	if err != nil {
		return l, err
	}
	if len(rows) == 0 {
		return l, l.describeAbsence(ctx, conn)
	}
	l.oid, l.schema, l.name, l.large = rows[0][0], rows[0][1], rows[0][2], rows[0][5] == "t"
	forbidden := map[string]bool{}
	for _, row := range rows {
		if row[9] != "t" {
			forbidden[row[6]] = true
			continue
		}
		l.types[row[6]] = row[7]
		l.notNull = l.notNull || row[6] == form.columns[review.Time] && row[8] == "t"
	}
	l.describeColumns(forbidden, postgres.Quote(rows[0][10]))
	switch {
	case rows[0][4] != "t":
		l.description.Unread = "the account may not read it: GRANT USAGE ON SCHEMA " + postgres.Quote(l.schema) + " TO " + postgres.Quote(rows[0][10])
	case rows[0][3] == "t":
		l.description.Unread = "row security hides rows of it from this account: use one with BYPASSRLS"
	case l.description.Unread == "":
		err = l.describeOrder(ctx, conn)
	}
	return l, err
}

// describeAbsence says why there is no table to read: nothing has its name, or what has it cannot be read.
func (l *timelineTable) describeAbsence(ctx context.Context, conn *pgconn.PgConn) error {
	name := string(l.source)
	if l.source == review.Record {
		name = "record"
	}
	others, err := postgres.QueryRows(ctx, conn, `select n.nspname, case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table' else 'a table' end,
		has_schema_privilege(n.oid, 'USAGE'), current_user from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
		and ($1 <> 'record' or n.nspname in ('ocmt', 'ocmt_tool')) order by c.relkind <> 'r', 1 limit 1`, name)
	if err != nil {
		return err
	}
	switch {
	case len(others) == 0 && l.source == review.Record:
		l.description.Absent, l.description.Unread = true, "ocmt has recorded nothing in this database"
	case len(others) == 0:
		l.description.Absent, l.description.Unread = true, "there is no such table"
	case others[0][2] != "t":
		l.description.Unread = "the account may not read it: GRANT USAGE ON SCHEMA " + postgres.Quote(others[0][0]) + " TO " + postgres.Quote(others[0][3])
	case others[0][1] != "a table":
		l.description.Unread = "it is " + others[0][1] + " in schema " + others[0][0] + ", which can leave rows out"
	default:
		l.description.Unread = "it is in schema " + others[0][0] + ", which the search path of this account does not have: ALTER ROLE " + postgres.Quote(others[0][3]) + " SET search_path = " + postgres.Quote(others[0][0])
	}
	return nil
}

// relation returns the OID of the form's table, NULL where there is none. The tool's own table is looked
// for by its name, in the two schemas that it may be in: to_regclass fails where the account may not
// enter a schema.
func (f timelineForm) relation() string {
	if f.source == review.Record {
		return "(select r.oid from pg_catalog.pg_class r join pg_catalog.pg_namespace s on s.oid = r.relnamespace where r.relname = 'record' and s.nspname in ('ocmt', 'ocmt_tool') order by s.nspname limit 1)"
	}
	return "pg_catalog.to_regclass('" + string(f.source) + "')::oid"
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
		if l.description.Unread = "it has no column " + name; forbidden[name] {
			l.description.Unread = "the account may not read it: GRANT SELECT ON " + l.path() + " TO " + account
		}
	}
	switch kind := l.typeOf(review.Time); {
	case kind == zonelessType:
		l.description.Zone = l.zone
	case kind != "" && kind != "timestamp with time zone":
		l.description.Unread = "its column " + l.columns[review.Time] + " is of type " + kind
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
	if l.order == review.ByTenant {
		if err := l.describeTenants(ctx, conn); err != nil {
			return err
		}
	}
	if l.order == review.ByKey {
		l.description.Assumed = "no index on its time: rows are taken in the order of their ids, as if times went up with them"
	}
	l.description.Order = l.order
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

// describeTenants counts the tenants that have rows. Where they are too many to look each of them up, one
// order serves all rows: that of the primary key where it is a number, else the server sorts.
func (l *timelineTable) describeTenants(ctx context.Context, conn *pgconn.PgConn) error {
	tenants, err := postgres.QueryColumn(ctx, conn, l.tenantsSQL())
	l.tenants = len(tenants) > 0 && len(tenants) <= maxTenants
	if len(tenants) > maxTenants {
		l.order, l.nulls, l.tenantOrder = review.BySort, "", ""
		if l.keyed {
			l.order = review.ByKey
		}
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
