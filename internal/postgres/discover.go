package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// The filter that runs on the server, so that only suspicious values travel. It
// lets through more than what the engine then takes for a ciphertext, never less.
const (
	// wholeValue is a value that begins as a ciphertext does. It is asked of the
	// head of a value only, so that a big one costs no more than a small one.
	wholeValue = `^\s*(v[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// withinJSON is a ciphertext at the start of a JSON string. A backslash may
	// stand in it: some programs write / as \/ and = as \u003d.
	withinJSON = `"(\s|\\+[nrt])*(v[0-9]{1,12}:[A-Za-z0-9+/=_\\-]{16,}:[A-Za-z0-9+/=_\\-]{22,}:[A-Za-z0-9+/_\\-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// startOfJSON is what JSON that can hold a string begins with.
	startOfJSON = `^\s*[\[{"]`
	// longestSent bounds a value that travels. Of a longer one the head does.
	longestSent = 1 << 20
	// longestLockWait, in milliseconds, is short: whoever waits for a lock makes
	// others wait behind.
	longestLockWait = 500
)

// Searcher implements migrate.Store.
func (s *Store) Searcher(ctx context.Context) (migrate.Searcher, error) {
	session, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	return &searcher{Session: session, lockTimeout: s.options.LockTimeout.Milliseconds()}, nil
}

// searcher is a session that looks around.
type searcher struct {
	*Session
	lockTimeout int64
}

// userTable keeps the tables that rows of the deployment lie in.
const userTable = `c.relkind = 'r' and c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`

// Relations implements migrate.Searcher.
func (s *searcher) Relations(ctx context.Context) ([]migrate.Relation, error) {
	rows, err := rowsOf(ctx, s.conn, `select c.oid, n.nspname, c.relname, pg_table_is_visible(c.oid),
		rn.nspname, r.relname, pg_table_is_visible(r.oid),
		-- a right on single columns does not include that on the row's place
		coalesce(am.amname, '') = 'heap' and current_setting('server_version_num')::int >= 140000
			and has_table_privilege(c.oid, 'SELECT'),
		has_schema_privilege(n.oid, 'USAGE'), row_security_active(c.oid), current_user
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_class r on r.oid = coalesce(pg_partition_root(c.oid), c.oid) join pg_namespace rn on rn.oid = r.relnamespace
		left join pg_am am on am.oid = c.relam where `+userTable+` order by 2, 3`)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	list := make([]migrate.Relation, len(rows))
	byOID := map[string]*migrate.Relation{}
	for i, row := range rows {
		list[i] = migrate.Relation{TableName: nameOf(row[1:4]), Owner: nameOf(row[4:7]), ByPages: row[7] == "t"}
		list[i].Unread = hidden(list[i], row[8] == "t", row[9] == "t", row[10])
		byOID[row[0]] = &list[i]
	}
	if err := s.parents(ctx, byOID); err != nil {
		return nil, fmt.Errorf("listing the partitions: %w", err)
	}
	if err := s.columns(ctx, byOID); err != nil {
		return nil, fmt.Errorf("listing the columns: %w", err)
	}
	return list, nil
}

func nameOf(row []string) migrate.TableName {
	return migrate.TableName{Schema: row[0], Name: row[1], Visible: row[2] == "t"}
}

// hidden says why nothing of a table can be read, or that a part is hidden.
func hidden(relation migrate.Relation, usage, security bool, who string) []migrate.Unread {
	where := relation.Schema + "." + relation.Name
	switch {
	case !usage:
		return []migrate.Unread{{Code: "missing_usage", Where: where, Message: fmt.Sprintf("the account %s may not use its schema", who),
			Fix: fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", quoted(relation.Schema), quoted(who))}}
	case security:
		return []migrate.Unread{{Code: "row_security", Where: where, Message: "row-level security may hide rows from this account",
			Fix: "use the owner of the table or a role with BYPASSRLS"}}
	}
	return nil
}

func (s *searcher) parents(ctx context.Context, byOID map[string]*migrate.Relation) error {
	rows, err := rowsOf(ctx, s.conn, `with recursive up(heap, at) as (select inhrelid, inhparent from pg_inherits
		union select up.heap, i.inhparent from up join pg_inherits i on i.inhrelid = up.at)
		select up.heap, n.nspname, c.relname, pg_table_is_visible(c.oid)
		from up join pg_class c on c.oid = up.at join pg_namespace n on n.oid = c.relnamespace`)
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

// columns fills in the columns that can hold a text, behind whatever domains and
// arrays. What the account may not read becomes an entry of Unread.
func (s *searcher) columns(ctx context.Context, byOID map[string]*migrate.Relation) error {
	rows, err := rowsOf(ctx, s.conn, `with recursive plain(type, at, list) as (
			select oid, oid, false from pg_type
			union all select p.type, case when t.typtype = 'd' then t.typbasetype else t.typelem end, p.list or t.typtype <> 'd'
			from plain p join pg_type t on t.oid = p.at where t.typtype = 'd' or t.typcategory = 'A' and t.typelem <> 0),
		texts as (select p.type, p.list, case when t.oid = 'bytea'::regtype then 'bytes'
				when t.oid in ('json'::regtype, 'jsonb'::regtype) then 'json' else 'text' end as kind
			from plain p join pg_type t on t.oid = p.at where t.typtype = 'b' and (t.typcategory = 'S' and t.oid <> 'name'::regtype
				or t.oid in ('bytea'::regtype, 'json'::regtype, 'jsonb'::regtype)))
		select c.oid, a.attname, texts.kind, texts.list, a.atttypid in ('text'::regtype, 'varchar'::regtype),
			coalesce(a.attnum = any(k.conkey), false), has_column_privilege(c.oid, a.attnum, 'SELECT'), texts.type is not null, current_user
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		left join texts on texts.type = a.atttypid
		left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
		where `+userTable+` and (texts.type is not null or a.attnum = any(k.conkey)) order by c.oid, array_position(k.conkey, a.attnum), a.attnum`)
	if err != nil {
		return err
	}
	keyHidden := map[*migrate.Relation]bool{}
	for _, row := range rows {
		relation := byOID[row[0]]
		if relation == nil {
			continue // made a moment ago
		}
		name, inKey, readable, text := row[1], row[5] == "t", row[6] == "t", row[7] == "t"
		if inKey {
			relation.Key = append(relation.Key, name)
			keyHidden[relation] = keyHidden[relation] || !readable
		}
		if text {
			addColumn(relation, migrate.SearchColumn{Name: name, Kind: kinds[row[2]], Array: row[3] == "t", Plain: row[4] == "t"}, readable, row[8])
		}
	}
	for relation := range keyHidden {
		if keyHidden[relation] {
			relation.Key = nil
		}
	}
	return nil
}

var kinds = map[string]migrate.ColumnKind{"text": migrate.KindText, "json": migrate.KindJSON, "bytes": migrate.KindBytes}

// addColumn adds a column to those that are searched, or to what is not read.
func addColumn(relation *migrate.Relation, column migrate.SearchColumn, readable bool, who string) {
	for _, unread := range relation.Unread {
		if unread.Code == "missing_usage" {
			return
		}
	}
	if readable {
		relation.Columns = append(relation.Columns, column)
		return
	}
	relation.Unread = append(relation.Unread, migrate.Unread{Code: "missing_select", Column: column.Name,
		Where:   relation.Schema + "." + relation.Name + "." + column.Name,
		Message: fmt.Sprintf("the account %s may not SELECT it", who),
		Fix:     fmt.Sprintf("GRANT SELECT ON %s TO %s", quoted(relation.Schema, relation.Name), quoted(who))})
}

// Pages implements migrate.Searcher. The size is asked table by table, since it
// waits for whoever holds the table locked.
func (s *searcher) Pages(ctx context.Context, relation migrate.Relation) (pages int64, err error) {
	err = s.bounded(ctx, time.Second, "select pg_relation_size(to_regclass('"+strings.ReplaceAll(quoted(relation.Schema, relation.Name), "'", "''")+
		"')) / current_setting('block_size')::bigint", textForm, func(values [][]byte) { pages = number(string(values[0])) })
	if err != nil {
		return 0, searchError(relation, err)
	}
	return pages, nil
}

// textForm asks for all columns of a result as texts.
var textForm = []int16{0}

// bounded sends a statement and visits its rows. What bounds it goes along in the
// same trip and transaction, for there may be a pool in between.
func (s *searcher) bounded(ctx context.Context, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	batch := &pgconn.Batch{}
	batch.ExecParams(fmt.Sprintf(`select set_config('statement_timeout', '%d', true), set_config('lock_timeout', '%d', true),
		set_config('transaction_read_only', 'on', true), set_config('standard_conforming_strings', 'on', true),
		set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)`,
		timeout.Milliseconds(), min(s.lockTimeout, longestLockWait)), nil, nil, nil, nil)
	batch.ExecParams(sql, nil, nil, nil, form)
	results := s.conn.ExecBatch(ctx, batch)
	for number := 0; results.NextResult(); number++ {
		for rows := results.ResultReader(); rows.NextRow(); {
			if number > 0 {
				visit(rows.Values())
			}
		}
	}
	return results.Close()
}

// Search implements migrate.Searcher. Most stretches hold nothing suspicious, so
// that is counted first, and only where it is not zero are the values asked for.
func (s *searcher) Search(ctx context.Context, stretch migrate.Stretch, visit func(migrate.Suspect)) (looked migrate.Looked, err error) {
	suspicious := int64(0)
	err = s.bounded(ctx, stretch.Timeout, countSQL(stretch), textForm, func(values [][]byte) {
		looked, suspicious = countsOf(values[1:]), number(string(values[0]))
	})
	if err == nil && suspicious > 0 {
		err = s.bounded(ctx, stretch.Timeout, suspectSQL(stretch), binaryForm, func(values [][]byte) { visitRow(stretch.Relation, values, visit) })
	}
	if err != nil {
		return looked, searchError(stretch.Relation, err)
	}
	return looked, nil
}

func countsOf(values [][]byte) (looked migrate.Looked) {
	for i := 0; i+1 < len(values); i += 2 {
		looked.Values = append(looked.Values, number(string(values[i])))
		looked.TooLarge = append(looked.TooLarge, number(string(values[i+1])))
	}
	return looked
}

// visitRow hands on what of a row is suspicious. The key's columns stand first.
func visitRow(relation migrate.Relation, values [][]byte, visit func(migrate.Suspect)) {
	key := make([]string, len(relation.Key))
	for i := range key {
		key[i] = string(values[i])
	}
	for i, value := range values[len(key):] {
		if value != nil {
			visit(migrate.Suspect{Column: i, Key: key, Value: value})
		}
	}
}

// searchError tells what ends the search from what hides one table.
func searchError(relation migrate.Relation, err error) error {
	where := relation.Schema + "." + relation.Name
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return fmt.Errorf("looking through %s: %w", where, plain(err))
	}
	unread := func(code, message, fix string) error {
		return &migrate.UnreadError{Unread: migrate.Unread{Code: code, Where: where, Message: message, Fix: fix}, Cause: err}
	}
	switch {
	case answer.Code == "42501":
		return unread("missing_select", "the account may not read it", "GRANT SELECT ON "+quoted(relation.Schema, relation.Name)+" to the account")
	case answer.Code == "55P03":
		return unread("locked", "another transaction holds it locked", "run this again when that has ended")
	case answer.Code == "57014" && strings.Contains(answer.Message, "statement timeout"):
		return unread("too_slow", "looking through a part of it took too long", "run this again when the server has less to do")
	case answer.Code == "42P01":
		return unread("gone", "it was dropped or renamed meanwhile", "run this again")
	case strings.HasPrefix(answer.Code, "XX"), strings.HasPrefix(answer.Code, "58"):
		return unread("damaged", "the server cannot read it: error "+answer.Code, "look into the server's log: this is damage to its files")
	}
	return fmt.Errorf("looking through %s: %w", where, plain(err))
}

// countSQL counts the suspicious rows and, by column, the values and those that
// are too big to be looked through for what they hold.
func countSQL(stretch migrate.Stretch) string {
	terms := []string{"count(*) filter (where " + anySuspicious(stretch) + ")"}
	for _, column := range stretch.Relation.Columns {
		name := "t." + quoted(column.Name)
		large := element{column.Kind, name}.tooLarge(stretch.Largest)
		if column.Array {
			large = "exists (select from unnest(" + name + ") as u(e) where " + element{column.Kind, "u.e"}.tooLarge(stretch.Largest) + ")"
		}
		terms = append(terms, fmt.Sprintf("count(%s), count(*) filter (where %s)", name, large))
	}
	return "select " + strings.Join(terms, ", ") + " from " + stretchSQL(stretch)
}

func suspectSQL(stretch migrate.Stretch) string {
	var terms []string
	for _, key := range stretch.Relation.Key {
		terms = append(terms, "t."+quoted(key)+"::text")
	}
	for _, column := range stretch.Relation.Columns {
		filter, value := suspicious(column, stretch.Largest)
		terms = append(terms, "case when "+filter+" then "+value+" end")
	}
	return "select " + strings.Join(terms, ", ") + " from " + stretchSQL(stretch) + " where " + anySuspicious(stretch)
}

// anySuspicious is true for rows with a suspicious value in any of the columns.
func anySuspicious(stretch migrate.Stretch) string {
	filters := make([]string, len(stretch.Relation.Columns))
	for i, column := range stretch.Relation.Columns {
		filter, _ := suspicious(column, stretch.Largest)
		filters[i] = "(" + filter + ")"
	}
	return strings.Join(filters, " or ")
}

// suspicious is the filter of a column, and what of it travels. Of an array only
// the suspicious elements do, as JSON.
func suspicious(column migrate.SearchColumn, largest int) (filter, value string) {
	name := "t." + quoted(column.Name)
	if !column.Array {
		one := element{column.Kind, name}
		return one.filter(largest), one.sent()
	}
	one := element{column.Kind, "u.e"}
	each := "from unnest(" + name + ") as u(e) where " + one.filter(largest)
	sent := one.sent()
	if column.Kind == migrate.KindBytes {
		sent = "encode(" + sent + ", 'escape')"
	}
	return "exists (select " + each + ")", "(select json_agg(" + sent + ")::text " + each + ")"
}

// stretchSQL is the rows of a stretch, as t. It names only the columns that are
// needed: the account may have no right to others.
func stretchSQL(stretch migrate.Stretch) string {
	relation := stretch.Relation
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			names, seen[name] = append(names, quoted(name)), true
		}
	}
	for _, key := range relation.Key {
		add(key)
	}
	for _, column := range relation.Columns {
		add(column.Name)
	}
	sql := "(select " + strings.Join(names, ", ") + " from only " + quoted(relation.Schema, relation.Name)
	if relation.ByPages {
		sql += fmt.Sprintf(" where ctid >= '(%d,0)' and ctid < '(%d,0)'", stretch.From, min(stretch.To, migrate.EndOfHeap))
	}
	if stretch.Rows > 0 {
		sql += " limit " + strconv.Itoa(stretch.Rows)
	}
	return sql + ") t"
}

// element is one value in SQL.
type element struct {
	kind migrate.ColumnKind
	name string
}

// head is the beginning of the value as text.
func (e element) head() string {
	if e.kind == migrate.KindBytes {
		return fmt.Sprintf("encode(substr(%s::bytea, 1, %d), 'escape')", e.name, migrate.SuspectHead)
	}
	return fmt.Sprintf("substr(%s::text, 1, %d)", e.name, migrate.SuspectHead)
}

// text is the value as text. Bytes that are no text stay readable.
func (e element) text() string {
	if e.kind == migrate.KindBytes {
		return "encode(" + e.name + "::bytea, 'escape')"
	}
	return e.name + "::text"
}

// tooLarge is true where the value may hold a ciphertext and is too big to be
// looked through. The size is asked before the value is read.
func (e element) tooLarge(largest int) string {
	large := fmt.Sprintf("pg_column_size(%s) > %d", e.name, largest)
	if e.kind == migrate.KindJSON {
		return large
	}
	return "(case when " + large + " then " + e.head() + " ~ '" + startOfJSON + "' else false end)"
}

// filter is the server's part of the question. CASE keeps the order: the cheap
// question first, and no big value is unpacked for nothing.
func (e element) filter(largest int) string {
	inside := fmt.Sprintf("pg_column_size(%s) <= %d", e.name, largest)
	if e.kind == migrate.KindJSON {
		return fmt.Sprintf("(case when %s then %s ~ '%s' else false end)", inside, e.text(), withinJSON)
	}
	return fmt.Sprintf("(case when %s ~ '%s' then true when %s ~ '%s' and %s then %s ~ '%s' else false end)",
		e.head(), wholeValue, e.head(), startOfJSON, inside, e.text(), withinJSON)
}

// sent is what travels: the value, or the head of one that is too big.
func (e element) sent() string {
	if e.kind == migrate.KindJSON {
		return e.text()
	}
	whole := e.name + "::text"
	if e.kind == migrate.KindBytes {
		whole = e.name + "::bytea"
	}
	return fmt.Sprintf("case when octet_length(%s) <= %d or %s ~ '%s' then %s else substr(%s, 1, %d) end",
		whole, longestSent, e.head(), startOfJSON, whole, whole, migrate.SuspectHead)
}
