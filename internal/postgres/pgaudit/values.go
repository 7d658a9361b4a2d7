package pgaudit

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Values reads the values under ENCRYPTION_KEY. It implements audit.ValueReader.
type Values struct{ snapshot *Snapshot }

// Values returns the values of the snapshot.
func (s *Snapshot) Values() *Values { return &Values{s} }

// binaryForm asks for all columns of a result in their binary form, which of a text is the text itself.
var binaryForm = []int16{1}

// ReadValues implements audit.ValueReader. The rows come in the order in which they are stored. After an
// error of visit the rest of the table is passed over unread.
func (v *Values) ReadValues(ctx context.Context, table audit.ValueTable, visit func(audit.ValueRow) error) error {
	q := v.snapshot.selecting(table.Schema, table.Name, selectValues(table))
	return v.snapshot.within(ctx, q, func(conn *pgconn.PgConn) error {
		// A scan that begins where another one is would give another order the second time.
		if _, err := conn.Exec(ctx, "set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0").ReadAll(); err != nil {
			return err
		}
		var failed error
		rows := conn.ExecParams(ctx, q.sql, nil, nil, nil, binaryForm)
		for failed == nil && rows.NextRow() {
			values := rows.Values()
			failed = visit(audit.ValueRow{Key: values[0], Values: values[1:]})
		}
		_, err := rows.Close()
		if failed != nil {
			return failed
		}
		return err
	})
}

// selectValues returns the statement that reads the rows of a table that have a value.
func selectValues(table audit.ValueTable) string {
	key := "null"
	if table.Key != "" {
		key = "t." + postgres.Quote(table.Key)
		if !table.KeyIsUUID {
			key += "::text"
		}
	}
	columns, terms := key, make([]string, len(table.Columns))
	for i, column := range table.Columns {
		name := "t." + postgres.Quote(column.Name)
		columns += ", " + name + "::text"
		terms[i] = name + " is not null"
	}
	return "select " + columns + " from " + postgres.Quote(table.Schema, table.Name) + " t where " + strings.Join(terms, " or ")
}

// Writes implements audit.ValueReader.
func (v *Values) Writes(ctx context.Context, tables []audit.ValueTable) ([]int64, error) {
	schemas, names := make([]string, len(tables)), make([]string, len(tables))
	for i, table := range tables {
		schemas[i], names[i] = table.Schema, table.Name
	}
	rows, err := v.snapshot.ask(ctx, question{what: "the statistics of the tables", sql: `with recursive tree(place, relid) as (
			select wanted.place, c.oid from unnest($1::text[], $2::text[]) with ordinality wanted(schema, name, place)
			join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
			union select tree.place, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid)
		select sum(coalesce(s.n_tup_ins + s.n_tup_upd, 0))::bigint from tree left join pg_stat_all_tables s on s.relid = tree.relid group by place order by place`,
		args: []string{postgres.TextArray(schemas), postgres.TextArray(names)}})
	if err != nil {
		return nil, err
	}
	writes := make([]int64, len(rows))
	for i, row := range rows {
		writes[i] = postgres.ParseNumber(row[0])
	}
	return writes, nil
}

// RotationAtWork implements audit.ValueReader.
func (v *Values) RotationAtWork(ctx context.Context) (locked bool, err error) {
	err = v.snapshot.within(ctx, question{what: "the lock of the database"}, func(conn *pgconn.PgConn) error {
		locked, err = postgres.IsRunAtWork(ctx, conn)
		return err
	})
	return locked, err
}

// Tables implements audit.ValueReader. What the database has is asked of its catalogues, which every
// account may read.
func (v *Values) Tables(ctx context.Context, catalogue []ocmt.Table) (found audit.ValueTables, err error) {
	relations, err := v.relations(ctx, catalogue)
	if err != nil {
		return found, err
	}
	oids := make([]string, len(relations))
	for i, one := range relations {
		oids[i] = one.oid
	}
	foreign, err := v.snapshot.foreignCode(ctx, oids...)
	if err != nil {
		return found, err
	}
	for i, one := range relations {
		if code, there := foreign[one.oid]; there {
			relations[i].foreign = code.Reason()
		}
	}
	for _, entry := range catalogue {
		v.addEntry(&found, entry, relations)
	}
	return found, nil
}

// relation is a table or view with a name of the catalogue.
type relation struct {
	oid, schema, name, kind string
	onPath                  bool     // the search path of the account names its schema
	usable                  bool     // the account may use its schema
	shows                   []string // OIDs of the relations that a view reads
	attributes              []attribute
	foreign                 string // why reading it would run code of others; "" where it does not
}

// attribute is a column of a relation that the catalogue names, as a value or as a key.
type attribute struct {
	name, kind string
	readable   bool
	unsafe     bool // its values cannot be made texts without running code of others
}

// relations returns the relations that have a name of the catalogue, those on the search path first. An heir
// of a table of its name is read with it.
func (v *Values) relations(ctx context.Context, catalogue []ocmt.Table) ([]relation, error) {
	var names, columns []string
	for _, entry := range catalogue {
		names, columns = append(names, entry.Name, entry.OldName), append(columns, entry.Key)
		for _, column := range entry.Columns {
			columns = append(columns, column.Name)
		}
	}
	rows, err := v.snapshot.ask(ctx, question{what: "the tables of the catalogue", sql: `select c.oid, n.nspname, c.relname, c.relkind, array_position($3::text[], n.nspname::text) is not null, has_schema_privilege(n.oid, 'USAGE'),
			array_to_string(array(select d.refobjid from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
				where w.ev_class = c.oid and c.relkind in ('v', 'm') and d.refobjid <> c.oid), ' '),
			a.attname, case when t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b' then t.typname else format_type(a.atttypid, null) end,
			has_column_privilege(c.oid, a.attnum, 'SELECT'), ` + castsByHand + `
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid cross join lateral ` + baseType + `
		where c.relname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'
			and a.attname = any($2::text[]) and a.attnum > 0 and not a.attisdropped
			and not exists (select from pg_inherits i join pg_class p on p.oid = i.inhparent where i.inhrelid = c.oid and p.relname = c.relname)
		order by array_position($3::text[], n.nspname::text), n.nspname, c.relname, a.attnum`,
		args: []string{postgres.TextArray(names), postgres.TextArray(columns), postgres.TextArray(v.snapshot.schemas)}})
	if err != nil {
		return nil, err
	}
	var list []relation
	for _, row := range rows {
		last := len(list) - 1
		if last < 0 || list[last].oid != row[0] {
			list = append(list, relation{oid: row[0], schema: row[1], name: row[2], kind: row[3], onPath: row[4] == "t", usable: row[5] == "t", shows: strings.Fields(row[6])})
			last++
		}
		list[last].attributes = append(list[last].attributes, attribute{row[7], row[8], row[9] == "t", row[10] == "t"})
	}
	return list, nil
}

// addEntry adds the tables of an entry of the catalogue, under its new name and under its old one, in every
// schema: the search path of the account need not be that of the servers, and somebody could have put a table
// before theirs.
func (v *Values) addEntry(found *audit.ValueTables, entry ocmt.Table, relations []relation) {
	var tables, others []relation
	for _, one := range relations {
		switch {
		case !one.isMeant(entry):
		case one.isTable():
			tables = append(tables, one)
		default:
			others = append(others, one)
		}
	}
	for _, one := range others {
		// No server finds a view off the path where there is a table.
		if (one.onPath || len(tables) == 0) && !one.showsOnly(tables) {
			found.Gaps = append(found.Gaps, audit.Gap{What: one.schema + "." + one.name, Reason: notATable})
		}
	}
	if len(tables) == 0 {
		addMissing(found, entry, len(others) > 0)
	}
	renamed := slices.ContainsFunc(tables, func(table relation) bool { return table.name == entry.Name })
	for _, one := range tables {
		if one.foreign != "" {
			found.Gaps = append(found.Gaps, audit.Gap{What: one.schema + "." + one.name, Reason: one.foreign})
			continue
		}
		v.addTable(found, entry, one, renamed && one.name == entry.OldName)
	}
}

// showsOnly reports whether a view reads nothing but some tables, as one with the old name over the table
// with the new name does.
func (r relation) showsOnly(tables []relation) bool {
	for _, oid := range r.shows {
		if !slices.ContainsFunc(tables, func(table relation) bool { return table.oid == oid }) {
			return false
		}
	}
	return len(r.shows) > 0
}

func (r relation) isTable() bool { return r.kind == "r" || r.kind == "p" }

// isMeant reports whether an entry of the catalogue means the relation: it has a name and a column of it.
func (r relation) isMeant(entry ocmt.Table) bool {
	if r.name != entry.Name && r.name != entry.OldName || entry.Schema != "" && r.schema != entry.Schema {
		return false
	}
	return slices.ContainsFunc(entry.Columns, func(column ocmt.Column) bool { return r.find(column.Name) != nil })
}

// addMissing says that no table of an entry was found. A view in its place is a gap of its own.
func addMissing(found *audit.ValueTables, entry ocmt.Table, hasView bool) {
	found.Absent = append(found.Absent, entry.Name)
	for _, column := range entry.Columns {
		if column.Required && !hasView {
			found.Gaps = append(found.Gaps, misnamed(entry.Name+"."+column.Name))
		}
	}
}

// misnamed says that the deployment itself names a column that is not there: a slip must not read as
// nothing to look at.
func misnamed(column string) audit.Gap {
	return audit.Gap{What: column, Reason: "ocmt.yaml names this column, and the database does not have it"}
}

// addTable adds a table with the columns that can be read.
func (v *Values) addTable(found *audit.ValueTables, entry ocmt.Table, one relation, twin bool) {
	table := audit.ValueTable{Schema: one.schema, Name: one.name, Twin: twin}
	if !one.usable {
		missing := postgres.SchemaRight("usage", one.schema, v.snapshot.account)
		found.Gaps = append(found.Gaps, audit.Gap{What: table.String(), Reason: "the account may not use its schema",
			Missing: "USAGE on schema " + one.schema, Grant: postgres.Grant(missing), Rights: []finding.Right{missing}})
		return
	}
	if at := one.find(entry.Key); at != nil && at.readable && !at.unsafe {
		table.Key, table.KeyIsUUID = entry.Key, at.kind == "uuid"
	}
	for _, column := range entry.Columns {
		at, path := one.find(column.Name), one.schema+"."+one.name+"."+column.Name
		switch {
		case at == nil && column.Required:
			found.Gaps = append(found.Gaps, misnamed(path))
		case at == nil:
			found.Absent = append(found.Absent, one.name+"."+column.Name)
		case !at.readable:
			missing := postgres.ColumnRight("select", one.schema, one.name, column.Name, v.snapshot.account)
			found.Gaps = append(found.Gaps, audit.Gap{What: path, Reason: "the account may not read it",
				Missing: "SELECT on " + path, Grant: postgres.Grant(missing), Rights: []finding.Right{missing}})
		case at.kind != "text" && at.kind != "varchar":
			found.Gaps = append(found.Gaps, audit.Gap{What: path, Reason: "it is of type " + at.kind + ", and only text and varchar hold ciphertexts"})
		default:
			table.Columns = append(table.Columns, audit.ValueColumn{Name: column.Name, PlaintextAllowed: column.PlaintextAllowed})
		}
	}
	if len(table.Columns) > 0 {
		addColumns(found, table)
	}
}

// addColumns adds a table, or its columns where the table is there already: ocmt.yaml may name a table
// with its schema that the search path finds too.
func addColumns(found *audit.ValueTables, table audit.ValueTable) {
	at := slices.IndexFunc(found.Tables, func(t audit.ValueTable) bool { return t.String() == table.String() })
	if at < 0 {
		found.Tables = append(found.Tables, table)
		return
	}
	for _, column := range table.Columns {
		if !slices.ContainsFunc(found.Tables[at].Columns, func(c audit.ValueColumn) bool { return c.Name == column.Name }) {
			found.Tables[at].Columns = append(found.Tables[at].Columns, column)
		}
	}
}

// find returns the attribute of a name, nil where there is none.
func (r relation) find(name string) *attribute {
	for i, one := range r.attributes {
		if one.name == name {
			return &r.attributes[i]
		}
	}
	return nil
}
