package pgdiscover

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The filter runs on the server, so that only candidates travel. It lets through more than
// discover.Search then takes for a ciphertext, never less.
const (
	// wholeValue matches a value that begins as a ciphertext does. It is applied to the head
	// of a value only, so that a large value costs no more than a small one.
	wholeValue = `^\s*(v[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// withinJSON matches a ciphertext at the start of a JSON string. It may contain
	// backslashes: some programs write / as \/ and = as \u003d.
	withinJSON = `"(\s|\\+[nrt])*(v[0-9]{1,12}:[A-Za-z0-9+/=_\\-]{16,}:[A-Za-z0-9+/=_\\-]{22,}:[A-Za-z0-9+/_\\-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// embedded matches a ciphertext anywhere in a text.
	embedded = `\y(v[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// startOfJSON matches the beginning of JSON that can contain a string.
	startOfJSON = `^\s*[\[{"]`
	// maxSent is the most bytes of a value that travels. Of a longer one the head travels.
	maxSent = 1 << 20
)

// countSQL counts the rows with a candidate and, by column, the values and the values that
// are too large to be looked through.
func countSQL(chunk discover.Chunk) string {
	terms := []string{"count(*) filter (where " + hasCandidate(chunk) + ")"}
	for _, column := range chunk.Relation.Columns {
		name := "t." + postgres.Quote(column.Name)
		large := element{column.Kind, name}.tooLarge(chunk.Largest)
		if column.Array {
			large = "exists (select from (select unnest(" + name + ") as e) u where " + element{column.Kind, "u.e"}.tooLarge(chunk.Largest) + ")"
		}
		terms = append(terms, fmt.Sprintf("count(%s), count(*) filter (where %s)", name, large))
	}
	return "select " + strings.Join(terms, ", ") + " from " + chunkSQL(chunk)
}

// candidateSQL returns the key and the candidates of each row that has any.
func candidateSQL(chunk discover.Chunk) string {
	var terms []string
	for _, key := range chunk.Relation.Key {
		terms = append(terms, "t."+postgres.Quote(key)+"::text")
	}
	for _, column := range chunk.Relation.Columns {
		filter, value := columnFilter(column, chunk.Largest)
		terms = append(terms, "case when "+filter+" then "+value+" end")
	}
	return "select " + strings.Join(terms, ", ") + " from " + chunkSQL(chunk) + " where " + hasCandidate(chunk)
}

// hasCandidate is the condition that a row has a candidate in any of the columns.
func hasCandidate(chunk discover.Chunk) string {
	filters := make([]string, len(chunk.Relation.Columns))
	for i, column := range chunk.Relation.Columns {
		filter, _ := columnFilter(column, chunk.Largest)
		filters[i] = "(" + filter + ")"
	}
	return strings.Join(filters, " or ")
}

// columnFilter returns the condition that a column has a candidate, and the value that
// travels: of an array only the candidates, as JSON.
func columnFilter(column discover.Column, largest int) (filter, value string) {
	name := "t." + postgres.Quote(column.Name)
	if !column.Array {
		one := element{column.Kind, name}
		return one.filter(largest), one.sent()
	}
	one := element{column.Kind, "u.e"}
	each := "from (select unnest(" + name + ") as e) u where " + one.filter(largest)
	sent := one.sent()
	if column.Kind == discover.KindBytes {
		sent = "encode(" + sent + ", 'escape')"
	}
	return "exists (select " + each + ")", "(select json_agg(" + sent + ")::text " + each + ")"
}

// chunkSQL selects the rows of a chunk as t. It names only the columns that are needed,
// because the account may have no right to read others.
func chunkSQL(chunk discover.Chunk) string {
	relation := chunk.Relation
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			names, seen[name] = append(names, postgres.Quote(name)), true
		}
	}
	for _, key := range relation.Key {
		add(key)
	}
	for _, column := range relation.Columns {
		add(column.Name)
	}
	sql := "(select " + strings.Join(names, ", ") + " from only " + postgres.Quote(relation.Schema, relation.Name) + whereSQL(chunk)
	if chunk.Rows > 0 {
		sql += " limit " + strconv.Itoa(chunk.Rows)
	}
	return sql + ") t"
}

// whereSQL selects the rows of a chunk by their place and by the transaction that wrote them.
func whereSQL(chunk discover.Chunk) string {
	var terms []string
	if chunk.Relation.ByPages && (chunk.From > 0 || chunk.To < discover.EndOfHeap) {
		terms = append(terms, fmt.Sprintf("ctid >= '(%d,0)' and ctid < '(%d,0)'", chunk.From, chunk.To))
	}
	if chunk.Since != nil {
		terms = append(terms, postgres.WrittenBy("xmin", "<=", *chunk.Since))
	}
	if chunk.Before != nil {
		terms = append(terms, postgres.WrittenBy("xmin", ">", *chunk.Before))
	}
	if len(terms) == 0 {
		return ""
	}
	return " where " + strings.Join(terms, " and ")
}

// element is one value in SQL.
type element struct {
	kind discover.ColumnKind
	name string
}

// plainCollation compares bytes. Regular expressions refuse the collations that take
// different texts for equal.
const plainCollation = ` collate "C"`

// head returns the beginning of the value as text.
func (e element) head() string {
	if e.kind == discover.KindBytes {
		return fmt.Sprintf("encode(substr(%s::bytea, 1, %d), 'escape')", e.name, discover.CandidateHead) + plainCollation
	}
	return fmt.Sprintf("substr(%s::text%s, 1, %d)", e.name, plainCollation, discover.CandidateHead)
}

// text returns the value as text. Bytes that are no text are escaped.
func (e element) text() string {
	if e.kind == discover.KindBytes {
		return "encode(" + e.name + "::bytea, 'escape')" + plainCollation
	}
	return e.name + "::text" + plainCollation
}

// tooLarge is the condition that the value may contain a ciphertext and is too large to be
// looked through. The size is checked before the value is read.
func (e element) tooLarge(largest int) string {
	large := fmt.Sprintf("pg_column_size(%s) > %d", e.name, largest)
	if e.kind == discover.KindJSON || e.kind == discover.KindOther {
		return large
	}
	return "(case when " + large + " then " + e.head() + " ~ '" + startOfJSON + "' else false end)"
}

// filter is the condition that the value is a candidate. CASE keeps the order: the cheap
// condition comes first, so that no large value is decompressed in vain.
func (e element) filter(largest int) string {
	inside := fmt.Sprintf("pg_column_size(%s) <= %d", e.name, largest)
	switch e.kind {
	case discover.KindJSON:
		return fmt.Sprintf("(case when %s then %s ~ '%s' else false end)", inside, e.text(), withinJSON)
	case discover.KindOther:
		return fmt.Sprintf("(case when %s then %s ~ '%s' else false end)", inside, e.text(), embedded)
	}
	return fmt.Sprintf("(case when %s ~ '%s' then true when %s ~ '%s' and %s then %s ~ '%s' else false end)",
		e.head(), wholeValue, e.head(), startOfJSON, inside, e.text(), withinJSON)
}

// sent returns what travels: the value, or the head of one that is too large.
func (e element) sent() string {
	if e.kind == discover.KindJSON || e.kind == discover.KindOther {
		return e.text()
	}
	whole := e.name + "::text"
	if e.kind == discover.KindBytes {
		whole = e.name + "::bytea"
	}
	return fmt.Sprintf("case when octet_length(%s) <= %d or %s ~ '%s' then %s else substr(%s, 1, %d) end",
		whole, maxSent, e.head(), startOfJSON, whole, whole, discover.CandidateHead)
}
