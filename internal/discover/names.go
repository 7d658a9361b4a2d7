package discover

import (
	"regexp"
	"strconv"
	"strings"
)

// plainName matches a name that SQL and YAML take as it is.
var plainName = regexp.MustCompile("^[a-z_][a-z0-9_]*$")

// SQLName writes a name of several parts as SQL reads it, without quotation marks where none are
// needed.
func SQLName(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = part
		if !plainName.MatchString(part) {
			quoted[i] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
		}
	}
	return strings.Join(quoted, ".")
}

// yamlName writes a name as YAML reads it.
func yamlName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// ColumnEntry writes a column as an entry of columns in ocmt.yaml.
func ColumnEntry(schema, table, key, column string) string {
	return "- {schema: " + yamlName(schema) + ", table: " + yamlName(table) + ", key: " + yamlName(key) + ", column: " + yamlName(column) + "}"
}

// KnownEntry writes a column as an entry of known in ocmt.yaml.
func KnownEntry(schema, table, column string) string {
	return "- {schema: " + yamlName(schema) + ", table: " + yamlName(table) + ", column: " + yamlName(column) + ", reason: …}"
}
