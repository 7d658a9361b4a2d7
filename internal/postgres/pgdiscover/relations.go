package pgdiscover

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

// userTable is the condition that a table or a materialized view contains rows of the
// deployment: it stands in no schema of the server, or was made there after the server's own.
const userTable = `c.relkind in ('r', 'm') and c.relispopulated and c.relpersistence <> 't'
	and (n.nspname <> 'information_schema' and n.nspname !~ '^pg_' or c.oid >= 16384)`

// foundFirst is the condition that the search path of the account, $1, finds a relation by its name alone.
func foundFirst(relation string) string {
	return relation + `.oid is not distinct from (select f.oid from pg_class f join pg_namespace fn on fn.oid = f.relnamespace
		where f.relname = ` + relation + `.relname and fn.nspname = any($1::text[]) order by array_position($1::text[], fn.nspname::text) limit 1)`
}

// schemas returns the schemas on the search path of the account, as an array.
func (s *searcher) schemas() string {
	return postgres.TextArray(postgres.PathOf(s.conn.PgConn()).Schemas)
}

// Relations implements discover.Searcher.
func (s *searcher) Relations(ctx context.Context) ([]discover.Relation, error) {
	others, err := s.loadSpreads(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := postgres.QueryRows(ctx, s.conn.PgConn(), `select c.oid, n.nspname, c.relname, `+foundFirst("c")+`,
		rn.nspname, r.relname, `+foundFirst("r")+`,
		-- a right on single columns does not include that on the row's place
		coalesce(am.amname, '') = 'heap' and current_setting('server_version_num')::int >= 140000
			and has_table_privilege(c.oid, 'SELECT'),
		has_schema_privilege(n.oid, 'USAGE'), row_security_active(c.oid), current_user, c.relkind = 'm'
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_class r on r.oid = coalesce(pg_partition_root(c.oid), c.oid) join pg_namespace rn on rn.oid = r.relnamespace
		left join pg_am am on am.oid = c.relam where `+userTable+others+` order by 2, 3`, s.schemas())
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	list := make([]discover.Relation, len(rows))
	byOID := map[string]*discover.Relation{}
	for i, row := range rows {
		list[i] = discover.Relation{ID: row[0], TableName: nameOf(row[1:4]), Owner: nameOf(row[4:7]), ByPages: row[7] == "t", Materialized: row[11] == "t"}
		_, list[i].Spread = s.spreads[row[0]]
		list[i].Unread = findHidden(list[i], row[8] == "t", row[9] == "t", row[10])
		byOID[row[0]] = &list[i]
	}
	if err := s.addParents(ctx, byOID); err != nil {
		return nil, fmt.Errorf("listing the partitions: %w", err)
	}
	if err := s.addForeignCode(ctx, list); err != nil {
		return nil, err
	}
	if err := s.addReplaceable(ctx, byOID); err != nil {
		return nil, err
	}
	if err := s.addColumns(ctx, byOID); err != nil {
		return nil, fmt.Errorf("listing the columns: %w", err)
	}
	if err := s.addRowKeys(ctx, byOID); err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	return list, nil
}

func nameOf(row []string) discover.TableName {
	return discover.TableName{Schema: row[0], Name: row[1], Visible: row[2] == "t"}
}

// findHidden says why nothing of a table can be read, or that rows of it may be hidden.
func findHidden(relation discover.Relation, usage, security bool, account string) []finding.Finding {
	where := relation.Schema + "." + relation.Name
	switch {
	case !usage:
		missing := postgres.SchemaRight("usage", relation.Schema, account)
		return []finding.Finding{{Code: finding.MissingUsage, Severity: finding.Warning, Where: where, Message: fmt.Sprintf("the account %s may not use its schema", account),
			Fix: postgres.Grant(missing), Rights: []finding.Right{missing}}}
	case security:
		return []finding.Finding{hiddenRows(where)}
	}
	return nil
}

// hiddenRows is the finding of a table that row security keeps from being read. Its policies are code of its owner,
// which would run with the rights of the account.
func hiddenRows(where string) finding.Finding {
	return finding.Finding{Code: finding.RowSecurity, Severity: finding.Warning, Where: where, Message: "row-level security may hide rows from this account, so that it is not read",
		Fix: "use the owner of the table or a role with BYPASSRLS"}
}

// addForeignCode adds what keeps tables from being read because the server would run code of other roles for it.
func (s *searcher) addForeignCode(ctx context.Context, list []discover.Relation) error {
	oids := make([]string, len(list))
	for i, relation := range list {
		oids[i] = relation.ID
	}
	found, err := postgres.FindForeignCode(ctx, s.conn.PgConn(), postgres.Reading, oids...)
	if err != nil {
		return err
	}
	for i := range list {
		if code, foreign := found[list[i].ID]; foreign {
			list[i].Unread = append(list[i].Unread, foreignCode(list[i], code))
		}
	}
	return nil
}

// foreignCode is the finding of a table that is not read because the server would run code of another role for it.
func foreignCode(relation discover.Relation, code postgres.ForeignCode) finding.Finding {
	return finding.Finding{Code: finding.ForeignCode, Severity: finding.Warning, Where: relation.Schema + "." + relation.Name, Message: code.Reason(), Fix: code.Way}
}

// addParents adds the tables that each heap is a partition or an heir of. A partition whose
// DETACH CONCURRENTLY was cut off is none any more: nothing reads it through its former parent.
func (s *searcher) addParents(ctx context.Context, byOID map[string]*discover.Relation) error {
	rows, err := postgres.QueryRows(ctx, s.conn.PgConn(), `with recursive attached(child, parent) as (select inhrelid, inhparent from pg_inherits i
			where not coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false)), -- PostgreSQL 14 and later have it
		up(heap, at) as (select child, parent from attached
			union select up.heap, parent from up join attached on child = up.at)
		select up.heap, n.nspname, c.relname, `+foundFirst("c")+`
		from up join pg_class c on c.oid = up.at join pg_namespace n on n.oid = c.relnamespace`, s.schemas())
	if err != nil {
		return err
	}
	for _, row := range rows {
		if relation := byOID[row[0]]; relation != nil {
			relation.Parents = append(relation.Parents, nameOf(row[1:4]))
		}
	}
	return nil
}

// addRowKeys adds for each table a column that names one row each: it has a unique index of its
// own and is never NULL. A primary key comes first.
func (s *searcher) addRowKeys(ctx context.Context, byOID map[string]*discover.Relation) error {
	rows, err := postgres.QueryRows(ctx, s.conn.PgConn(), `select i.indrelid, a.attname from pg_index i
		join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where `+postgres.NamesRows+`
		and has_column_privilege(i.indrelid, a.attnum, 'SELECT') order by i.indisprimary, i.indrelid, a.attnum desc`)
	if err != nil {
		return err
	}
	for _, row := range rows { // the last one stays
		if relation := byOID[row[0]]; relation != nil {
			relation.RowKey = row[1]
		}
	}
	return nil
}

// holdsText is the condition that values of a type t, which is no array and no domain, can have a
// text in them. Of the types of extensions it takes all whose values can be long, save those that
// are known to consist of numbers. An enum matters where one of its labels has colons.
const holdsText = `case t.typtype
	when 'b' then t.typcategory = 'S' and t.typlen <> 1 or t.typlen < 0 and t.typcategory = 'U'
		and t.typname not in ('vector', 'halfvec', 'sparsevec', 'geometry', 'geography', 'raster', 'cube', 'intset', 'gtsvector', 'txid_snapshot', 'pg_snapshot')
	when 'e' then exists (select from pg_enum where enumtypid = t.oid and enumlabel like '%:%:%')
	when 'r' then exists (select from pg_range join pg_type s on s.oid = rngsubtype where rngtypid = t.oid and s.typcategory not in ('N', 'D', 'T', 'I', 'B'))
	else t.typtype in ('c', 'm') end`

// addColumns adds the columns that can hold a text, also through domains and arrays. Each table brings two types of its
// own, so it begins with those that columns have, and looks at no list of types for each column.
func (s *searcher) addColumns(ctx context.Context, byOID map[string]*discover.Relation) error {
	casts, err := postgres.FindForeignCasts(ctx, s.conn.PgConn())
	if err != nil {
		return err
	}
	rows, err := postgres.QueryRows(ctx, s.conn.PgConn(), `with recursive plain(type, at, lists) as (
			select distinct atttypid, atttypid, 0 from pg_attribute where attnum > 0 and not attisdropped
			union all select p.type, case when t.typtype = 'd' then t.typbasetype else t.typelem end, p.lists + case when t.typtype = 'd' then 0 else 1 end
			from plain p join pg_type t on t.oid = p.at where t.typtype = 'd' or t.typcategory = 'A' and t.typelem <> 0),
		texts as (select p.type, p.lists = 1 as list, case when p.lists > 1 then 'other' when t.oid = 'bytea'::regtype then 'bytes'
				when t.oid in ('json'::regtype, 'jsonb'::regtype) then 'json' when t.typcategory = 'S' or t.typtype = 'e' then 'text' else 'other' end as kind
			from plain p join pg_type t on t.oid = p.at where `+holdsText+`),
		casts as (select type, min(at) as at from plain where at = any($1::oid[]) group by type)
		select c.oid, a.attname, texts.kind, texts.list, a.atttypid in ('text'::regtype, 'varchar'::regtype),
			coalesce(a.attnum = any(k.conkey), false), has_column_privilege(c.oid, a.attnum, 'SELECT'), texts.type is not null, current_user, a.attgenerated <> '',
			coalesce(casts.at, 0)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		left join texts on texts.type = a.atttypid left join casts on casts.type = a.atttypid
		left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
		where `+userTable+` and (texts.type is not null or a.attnum = any(k.conkey)) order by c.oid, array_position(k.conkey, a.attnum), a.attnum`, postgres.TextArray(slices.Collect(maps.Keys(casts))))
	if err != nil {
		return err
	}
	keyHidden := map[*discover.Relation]bool{}
	for _, row := range rows {
		relation := byOID[row[0]]
		if relation == nil {
			continue // the table was created a moment ago
		}
		name, inKey, readable, text := row[1], row[5] == "t", row[6] == "t", row[7] == "t"
		cast, foreign := casts[row[10]]
		if inKey {
			relation.Key = append(relation.Key, name)
			keyHidden[relation] = keyHidden[relation] || !readable || foreign
		}
		if text {
			column := discover.Column{Name: name, Kind: kinds[row[2]], Array: row[3] == "t", Plain: row[4] == "t", Generated: row[9] == "t"}
			if foreign {
				column.Unread = &finding.Finding{Code: finding.ForeignCode, Severity: finding.Warning, Where: relation.String() + "." + name, Message: cast.Reason(), Fix: cast.Way}
			}
			addColumn(relation, column, readable, row[8])
		}
	}
	for relation := range keyHidden {
		if keyHidden[relation] {
			relation.Key = nil
		}
	}
	return nil
}

var kinds = map[string]discover.ColumnKind{"text": discover.KindText, "json": discover.KindJSON, "bytes": discover.KindBytes, "other": discover.KindOther}

// addColumn adds a column, with a finding where the account may not read it. To a table that is not read at all
// none is added: one finding speaks for all, and has all rights that are missing.
func addColumn(relation *discover.Relation, column discover.Column, readable bool, account string) {
	missing := postgres.TableRight("select", relation.Schema, relation.Name, account)
	if len(relation.Unread) > 0 {
		if whole := &relation.Unread[0]; !readable && whole.Code == finding.MissingUsage && !slices.Contains(whole.Rights, missing) {
			whole.Rights = append(whole.Rights, missing)
			whole.Fix = postgres.Grant(whole.Rights...)
		}
		return
	}
	if !readable {
		column.Unread = &finding.Finding{Code: finding.MissingSelect, Severity: finding.Warning, Where: relation.String() + "." + column.Name,
			Message: fmt.Sprintf("the account %s may not select it", account), Fix: postgres.Grant(missing), Rights: []finding.Right{missing}}
	}
	relation.Columns = append(relation.Columns, column)
}
