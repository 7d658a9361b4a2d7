package pgdiscover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The filter runs on the server, so that only candidates travel. It lets through more than
// discover.Search then takes for a ciphertext, never less.
const (
	// blank matches white space and marks that nobody sees, also in bytes that are escaped.
	blank = `(\s|[\u0085\u00a0\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]|\\302\\(205|240)|\\342\\200\\[0-9]{3}|\\357\\273\\277)`
	// wholeValue matches a value that begins as a ciphertext does. It is applied to the head
	// of a value only, so that a large value costs no more than a small one.
	wholeValue = `^` + blank + `*(v[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// withinJSON matches a ciphertext at the start of a JSON string. It may contain
	// backslashes: some programs write / as \/ and = as \u003d.
	withinJSON = `"(` + blank + `|\\+([nrtf]|u000b|u0085|u00a0))*(v[0-9]{1,12}:[A-Za-z0-9+/=_\\-]{16,}:[A-Za-z0-9+/=_\\-]{22,}:[A-Za-z0-9+/_\\-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// embedded matches a ciphertext anywhere in a text.
	embedded = `\y(v[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]|[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{2})`
	// escapedInJSON matches a v, a digit or a colon that JSON writes by its number. OCMT and PostgreSQL
	// never do, so such a value is a candidate as it is.
	escapedInJSON = `\\u00(76|3[0-9Aa])`
	// startOfJSON matches the beginning of JSON that can contain a string.
	startOfJSON = `^` + blank + `*[\[{"]`
)

// countSQL counts the rows with a candidate and, by column, the values and the values that
// are too large to be looked through.
func countSQL(chunk discover.Chunk) string {
	terms := []string{"count(*) filter (where " + hasCandidate(chunk) + ")"}
	for i, column := range chunk.Relation.Columns {
		large := elementOf(column, i, chunk).tooLarge()
		if column.Array {
			large = "exists (select " + fromArray(column) + " where " + large + ")"
		}
		terms = append(terms, fmt.Sprintf("count(%s), count(*) filter (where %s)", nameOfColumn(column), large))
	}
	return "select " + strings.Join(terms, ", ") + " from " + chunkSQL(chunk)
}

// candidateSQL returns the key and the candidates of each row that has any.
func candidateSQL(chunk discover.Chunk) string {
	var terms []string
	for _, key := range chunk.Relation.Key {
		terms = append(terms, "t."+postgres.Quote(key)+"::text")
	}
	for i, column := range chunk.Relation.Columns {
		filter, value := columnFilter(column, i, chunk)
		terms = append(terms, "case when "+filter+" then "+value+" end")
	}
	return "select " + strings.Join(terms, ", ") + " from " + chunkSQL(chunk) + " where " + hasCandidate(chunk)
}

// hasCandidate is the condition that a row has a candidate in any of the columns.
func hasCandidate(chunk discover.Chunk) string {
	filters := make([]string, len(chunk.Relation.Columns))
	for i, column := range chunk.Relation.Columns {
		filter, _ := columnFilter(column, i, chunk)
		filters[i] = "(" + filter + ")"
	}
	return strings.Join(filters, " or ")
}

// columnFilter returns the condition that a column has a candidate, and the value that
// travels: of an array only the candidates, as JSON.
func columnFilter(column discover.Column, index int, chunk discover.Chunk) (filter, value string) {
	one := elementOf(column, index, chunk)
	if !column.Array {
		return one.filter(), one.sent()
	}
	each := fromArray(column) + " where " + one.filter()
	sent := one.sent()
	if column.Kind == discover.KindBytes {
		sent = "encode(" + sent + ", 'escape')"
	}
	return "exists (select " + each + ")", "(select json_agg(" + sent + ")::text " + each + ")"
}

func nameOfColumn(column discover.Column) string { return "t." + postgres.Quote(column.Name) }

// fromArray selects the elements of an array as u.e.
func fromArray(column discover.Column) string {
	return "from (select unnest(" + nameOfColumn(column) + ") as e) u"
}

// chunkSQL selects the rows of a chunk as t. It names only the columns that are needed,
// because the account may have no right to read others. Beside each column that is no array
// stands the text that the filter looks at, so that the server makes it once for a row: with
// OFFSET it does not move the expression to where it is used.
func chunkSQL(chunk discover.Chunk) string {
	relation := chunk.Relation
	var terms []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			terms, seen[name] = append(terms, postgres.Quote(name)), true
		}
	}
	for _, key := range relation.Key {
		add(key)
	}
	for _, column := range relation.Columns {
		add(column.Name)
	}
	for i, column := range relation.Columns {
		if column.Array {
			continue
		}
		name := postgres.Quote(column.Name)
		terms = append(terms, lookedAt(column.Kind, name, chunk.Largest)+" as "+lookedAtName(i))
		if !isWhole(column.Kind) {
			terms = append(terms, wholeJSON(column.Kind, name, chunk.Largest)+" as "+wholeName(i))
		}
	}
	sql := "(select " + strings.Join(terms, ", ") + " from only " + postgres.Quote(relation.Schema, relation.Name) + whereSQL(chunk)
	if chunk.Rows > 0 {
		sql += " limit " + strconv.Itoa(chunk.Rows)
	}
	if relation.Spread { // the coordinator would collect all of it first
		return sql + ") t"
	}
	return sql + " offset 0) t"
}

// lookedAtName and wholeName are the names of the texts that the filter looks at. No column of a
// table that OCMT or a deployment makes has such a name.
func lookedAtName(index int) string { return "ocmt_looked_at_" + strconv.Itoa(index) }
func wholeName(index int) string    { return "ocmt_whole_" + strconv.Itoa(index) }

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

// longestUTF8 is the most bytes of a character.
const longestUTF8 = 4

// plainCollation compares bytes. Regular expressions refuse the collations that take
// different texts for equal.
const plainCollation = ` collate "C"`

// lookedAt returns the text of a value that the filter looks at: the whole text of JSON and of
// what is made of others, if it is not too large, and the beginning of any other value. A short text
// is its own beginning, because the server counts all characters of the bytes that it cuts from.
func lookedAt(kind discover.ColumnKind, name string, largest int) string {
	switch kind {
	case discover.KindJSON, discover.KindOther:
		return fmt.Sprintf("(case when pg_column_size(%s) <= %d then %s::text%s end)", name, largest, name, plainCollation)
	case discover.KindBytes:
		return fmt.Sprintf("substr(%s::bytea, 1, %d)", name, discover.CandidateHead)
	default:
		text := name + "::text" + plainCollation
		return fmt.Sprintf("(case when octet_length(%s::text) <= %d then %s else substr(%s, 1, %d) end)", name, longestUTF8*discover.CandidateHead, text, text, discover.CandidateHead)
	}
}

// wholeJSON returns the whole text of a value that may be JSON by its first character, and is not
// too large.
func wholeJSON(kind discover.ColumnKind, name string, largest int) string {
	begins, whole := fmt.Sprintf("ascii(substr(%s::text, 1, 1)) in (%s)", name, startCharacters), name+"::text"+plainCollation
	if kind == discover.KindBytes {
		// Of an empty value the first byte is zero here.
		begins = fmt.Sprintf(`get_byte(substr(%s::bytea, 1, 1) || '\x00'::bytea, 0) in (%s)`, name, startBytes)
		whole = asText(name + "::bytea")
	}
	return fmt.Sprintf("(case when %s and not %s then %s end)", begins, isLarge(kind, name, largest), whole)
}

// asText returns bytes as a text. Bytes that are no text are escaped.
func asText(bytes string) string { return "encode(" + bytes + ", 'escape')" + plainCollation }

// isLarge is the condition that a value has more bytes than are looked through. Of a text or bytes
// the server knows the length without reading them; of what is made of others it knows the size that
// is stored.
func isLarge(kind discover.ColumnKind, name string, largest int) string {
	switch {
	case isWhole(kind):
		return fmt.Sprintf("(pg_column_size(%s) > %d)", name, largest)
	case kind == discover.KindBytes:
		return fmt.Sprintf("(octet_length(%s::bytea) > %d)", name, largest)
	}
	return fmt.Sprintf("(octet_length(%s::text) > %d)", name, largest)
}

// isWhole reports whether the filter looks at the whole of such a value.
func isWhole(kind discover.ColumnKind) bool {
	return kind == discover.KindJSON || kind == discover.KindOther
}

// element is one value in SQL.
type element struct {
	kind  discover.ColumnKind
	name  string
	text  string // what the filter looks at
	json  string // the whole text of a value that may be JSON; "" where text is the whole
	large string // the condition that it is too large to be looked through, or to travel
	// labels are the key versions that matter.
	labels []int
}

// elementOf returns the value of a column, or one of the values of an array.
func elementOf(column discover.Column, index int, chunk discover.Chunk) element {
	largest := chunk.Largest
	if column.Array {
		return element{column.Kind, "u.e", lookedAt(column.Kind, "u.e", largest), wholeJSON(column.Kind, "u.e", largest), isLarge(column.Kind, "u.e", largest), chunk.Labels}
	}
	name := nameOfColumn(column)
	return element{column.Kind, name, "t." + lookedAtName(index), "t." + wholeName(index), isLarge(column.Kind, name, largest), chunk.Labels}
}

// tooLarge is the condition that the value may be or contain a ciphertext and is too large to be
// looked through. The size is checked before the value is read.
func (e element) tooLarge() string {
	if isWhole(e.kind) {
		return e.large
	}
	return fmt.Sprintf("(case when %s then %[2]s ~ '%[3]s' or %[2]s ~ '%[4]s' else false end)", e.large, e.headText(), startOfJSON, wholeValue)
}

// headText returns the beginning of the value as a text.
func (e element) headText() string {
	if e.kind == discover.KindBytes {
		return asText(e.text)
	}
	return e.text
}

// filter is the condition that the value is a candidate. CASE keeps the order: the cheap
// conditions come first. A regular expression takes the server ten times as long as LIKE, so it
// sees only what LIKE lets through.
func (e element) filter() string {
	switch e.kind {
	case discover.KindJSON:
		return mayContain(e.labels, e.text, withinJSON, hasEscape(e.text), escapedInJSON)
	case discover.KindOther:
		return mayContain(e.labels, e.text, embedded, hasEntity(e.text)+" or "+hasHexLabel(e.text), "")
	}
	twoColons := "'%:%:%'"
	if e.kind == discover.KindBytes {
		twoColons += "::bytea"
	}
	return fmt.Sprintf("(case when %s like %s and %s ~ '%s' then true when %s ~ '%s' then %s else false end)",
		e.text, twoColons, e.headText(), wholeValue, e.json, startOfJSON, mayContain(e.labels, e.json, withinJSON, hasEscape(e.json), escapedInJSON))
}

// mayContain is the condition that a text has a label and matches a pattern, or has something else
// that matches another.
func mayContain(labels []int, text, pattern, other, otherPattern string) string {
	second := "true"
	if otherPattern != "" {
		second = text + " ~ '" + otherPattern + "'"
	}
	return fmt.Sprintf("(case when (%s) and %s ~ '%s' then true when %s then %s else false end)", hasLabel(labels, text), text, pattern, other, second)
}

// hasEscape is the condition that a text has a printing character by its number in JSON.
func hasEscape(text string) string { return text + ` like '%\\u00%'` }

// hasEntity is the condition that a text has a character by its number in XML.
func hasEntity(text string) string { return text + " like '%&#%'" }

// hasHexLabel is the condition that a text may contain bytes in hexadecimal that have the label of a
// ciphertext, or the parts of the legacy form.
func hasHexLabel(text string) string {
	terms := []string{text + " like '%3a" + strings.Repeat("_", 64) + "3a%'"}
	for digits := range longestLabel {
		terms = append(terms, text+" like '%76"+strings.Repeat("3_", digits+1)+"3a%'")
	}
	return strings.Join(terms, " or ")
}

// startCharacters are the codes of the characters that JSON with a string begins with: white space,
// a quotation mark, a bracket or a brace.
const startCharacters = "9, 10, 11, 12, 13, 32, 34, 91, 123, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8203, 8232, 8233, 8239, 8287, 12288, 65279"

// startBytes are the first bytes of these characters in UTF-8.
const startBytes = "9, 10, 11, 12, 13, 32, 34, 91, 123, 194, 225, 226, 227, 239"

// longestLabel is the most digits of a label that is found within other text, if no key version that
// matters has more. There are hardly ever more than two.
const longestLabel = 4

// lengthsOf returns how many digits labels may have: a few, and as many as the key versions that
// matter.
func lengthsOf(labels []int) []int {
	lengths := []int{1, 2, 3, longestLabel}
	for _, label := range labels {
		if length := len(strconv.Itoa(label)); !slices.Contains(lengths, length) {
			lengths = append(lengths, length)
		}
	}
	return lengths
}

// hasLabel is the condition that a text may contain the label of a ciphertext, or the parts of the
// legacy form: an IV and a tag of 32 characters. Of a text without a v each length of a label would
// be asked for in vain; in a text with one, the question ends at the first.
func hasLabel(labels []int, text string) string {
	var terms []string
	for _, digits := range lengthsOf(labels) {
		terms = append(terms, text+" like '%v"+strings.Repeat("_", digits)+":%'")
	}
	return fmt.Sprintf("%[1]s like '%%:%[2]s:%%' or %[1]s like '%%v%%' and (%[3]s)", text, strings.Repeat("_", 32), strings.Join(terms, " or "))
}

// sent returns what travels: the value, or the head of one that is too large.
func (e element) sent() string {
	if isWhole(e.kind) {
		return e.name + "::text"
	}
	whole := e.name + "::text"
	if e.kind == discover.KindBytes {
		whole = e.name + "::bytea"
	}
	return fmt.Sprintf("case when %s then substr(%s, 1, %d) else %s end", e.large, whole, discover.CandidateHead, whole)
}
