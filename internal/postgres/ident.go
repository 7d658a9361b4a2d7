package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/visible"
)

// bareName matches what needs no quotes, unless it is a keyword.
var bareName = regexp.MustCompile("^[a-z_][a-z0-9_]*$")

// keywords are the words of PostgreSQL 13 to 18 that quote_ident puts in quotes: all of pg_get_keywords
// but those of catcode U.
var keywords = strings.Fields(`all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
	case cast char character check coalesce collate collation column concurrently constraint create cross current_catalog current_date
	current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do else end
	except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike in initially inner
	inout int integer intersect interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
	json_query json_scalar json_serialize json_table json_value lateral leading least left like limit localtime localtimestamp
	merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
	placing position precision primary real references returning right row select session_user setof similar smallint some substring
	symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user using values varchar
	variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
	xmlserialize xmltable`)

// Ident returns a name, of one or several parts, for people to read and to paste: in quotes where it
// needs them, as quote_ident of PostgreSQL has it.
func Ident(parts ...string) string {
	written := make([]string, len(parts))
	for i, part := range parts {
		if written[i] = part; !bareName.MatchString(part) || slices.Contains(keywords, part) {
			written[i] = quotePlain(part)
		}
	}
	return strings.Join(written, ".")
}

// QuoteLiteral returns a text as SQL writes it, with standard_conforming_strings on.
func QuoteLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// quotePlain returns a name in quotes. Where characters are in it that a terminal acts on or that nobody sees, they are
// written as SQL escapes them, so that what is shown can be pasted.
func quotePlain(name string) string {
	if strings.IndexFunc(name, visible.IsHidden) < 0 {
		return Quote(name)
	}
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '\\' || r == '"':
			b.WriteString(string(r) + string(r))
		case visible.IsHidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\+%06x`, r)
		case visible.IsHidden(r):
			fmt.Fprintf(&b, `\%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `U&"` + b.String() + `"`
}

// TableRight returns privileges, such as "select, update", that an account lacks on a table.
func TableRight(privileges, schema, table, account string) finding.Right {
	return finding.Right{Privilege: privileges, On: Ident(schema, table), Role: Ident(account)}
}

// ColumnRight returns a privilege that an account lacks on a column of a table.
func ColumnRight(privilege, schema, table, column, account string) finding.Right {
	return finding.Right{Privilege: privilege, On: Ident(schema, table), Column: Ident(column), Role: Ident(account)}
}

// SchemaRight returns a privilege that an account lacks on a schema.
func SchemaRight(privilege, schema, account string) finding.Right {
	return finding.Right{Privilege: privilege, On: "schema " + Ident(schema), Role: Ident(account)}
}

// DatabaseRight returns a privilege that an account lacks on a database.
func DatabaseRight(privilege, database, account string) finding.Right {
	return finding.Right{Privilege: privilege, On: "database " + Ident(database), Role: Ident(account)}
}

// Grant returns the statements that give rights, in one line.
func Grant(rights ...finding.Right) string { return finding.GrantText(rights) }
