package pgmigrate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// pruneSQL scans a page range for the effect of the scan alone: it removes from each page
// the row versions that earlier writes left dead, so that the next ones find room on the
// same page. Fetching rows by their TIDs does not do that.
func pruneSQL(leaf migrate.Leaf) string {
	return "select count(*) from only " + postgres.Quote(leaf.Schema, leaf.Name) + " t where t.ctid >= $1::tid and t.ctid < $2::tid"
}

// updateByTID returns the UPDATE of rows that are found by their TIDs, and are unchanged.
func updateByTID(table migrate.Table, leaf migrate.Leaf) string {
	return updateFrom(table, "only "+postgres.Quote(leaf.Schema, leaf.Name), true) + " where t.ctid = u.tid and " + isUnchanged(table)
}

// updateByKey returns the UPDATE of rows that are found by their keys, and are unchanged.
func updateByKey(table migrate.Table, skipLocked bool) string {
	if !skipLocked {
		return updateFrom(table, postgres.Quote(table.Schema, table.Name), false) + " where " + isUnchanged(table)
	}
	sets, from := assignments(table), changesTable(table, false)
	return fmt.Sprintf("update %[1]s t set %[2]s from (select u.* from %[3]s join %[1]s t on %[4]s for no key update of t skip locked) u where %[4]s",
		postgres.Quote(table.Schema, table.Name), sets, from, isUnchanged(table))
}

// firesOnUpdate is the condition that a trigger fires on an UPDATE where session_replication_role is origin, its default.
const firesOnUpdate = `not tgisinternal and tgenabled in ('O', 'A') and tgtype & 16 <> 0`

// noOtherTrigger is a condition for the end of an UPDATE of a table, or of one of its heaps alone. It is true where there
// is no trigger but those that the table was described with. The server evaluates it once for a statement, behind the
// lock that keeps others from adding a trigger.
func noOtherTrigger(table migrate.Table, leaf *migrate.Leaf) string {
	at := "in (" + postgres.TreeOf(regclass(table.Schema, table.Name)+"::oid") + ")"
	if leaf != nil {
		at = "= " + regclass(leaf.Schema, leaf.Name)
	}
	return fmt.Sprintf("not exists (select from pg_trigger where tgrelid %s and %s and oid <> all ('%s'::oid[]))", at, firesOnUpdate, postgres.TextArray(table.Triggers))
}

func regclass(schema, name string) string {
	return postgres.QuoteLiteral(postgres.Quote(schema, name)) + "::regclass"
}

// countWrittenSQL counts the rows that contain what was written.
func countWrittenSQL(table migrate.Table) string {
	terms := []string{sameKey(table)}
	for i, column := range table.Columns {
		terms = append(terms, fmt.Sprintf(`t.%s::text collate "C" is not distinct from coalesce(u.new%d, u.old%d)`, postgres.Quote(column.Name), i, i))
	}
	return fmt.Sprintf("select count(*) from %s join %s t on %s", changesTable(table, false), postgres.Quote(table.Schema, table.Name), strings.Join(terms, " and "))
}

// updateFrom returns an UPDATE from the table of changes, without its condition.
func updateFrom(table migrate.Table, target string, byTID bool) string {
	return fmt.Sprintf("update %s t set %s from %s", target, assignments(table), changesTable(table, byTID))
}

// assignments sets each column to its new value, or to itself where that is NULL.
func assignments(table migrate.Table) string {
	sets := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		name := postgres.Quote(column.Name)
		sets[i] = fmt.Sprintf("%s = coalesce(u.new%d, t.%s)", name, i, name)
	}
	return strings.Join(sets, ", ")
}

// changesTable returns the parameters as a table u with one row for each change.
func changesTable(table migrate.Table, byTID bool) string {
	var arrays, names []string
	array := func(name, of string) {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(arrays)+1, of))
		names = append(names, name)
	}
	if byTID {
		array("tid", "tid")
	}
	if table.KeyIsUUID {
		array("key", "uuid")
	} else {
		array("key", "text")
	}
	for i := range table.Columns {
		array("old"+strconv.Itoa(i), "text")
		array("new"+strconv.Itoa(i), "text")
	}
	return fmt.Sprintf("unnest(%s) as u(%s)", strings.Join(arrays, ", "), strings.Join(names, ", "))
}

func sameKey(table migrate.Table) string { return compareKey(table, "=", "u.key") }

// compareKey compares the key of a row t with an expression. The operator is that of the key's own index: for a type of
// PostgreSQL it is PostgreSQL's, and for a type of an extension, such as citext, the extension's.
func compareKey(table migrate.Table, operator, with string) string {
	key := "t." + postgres.Quote(table.Key)
	if table.KeyOperators == "" {
		return fmt.Sprintf("%s operator(pg_catalog.%s) %s::%s", key, operator, with, table.KeyType)
	}
	return fmt.Sprintf("%s::%s operator(%s.%s) %s::%[2]s", key, table.KeyBase, postgres.Quote(table.KeyOperators), operator, with)
}

// isUnchanged is the condition of compare-and-swap: key and values are still as they
// were read.
func isUnchanged(table migrate.Table) string {
	terms := []string{sameKey(table)}
	for i, column := range table.Columns {
		terms = append(terms, fmt.Sprintf(`t.%s::text collate "C" is not distinct from u.old%d`, postgres.Quote(column.Name), i))
	}
	return strings.Join(terms, " and ")
}
