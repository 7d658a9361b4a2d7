package pgmigrate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The server tells how long a value is without reading it, however long it is. So a row that does
// not fit into memory is never sent.

// sizeLimit is the condition that a row is of a size; "" where every row is.
func sizeLimit(table migrate.Table, size migrate.Size) string {
	if size == migrate.AnySize || !table.MayBeLarge() {
		return ""
	}
	operator := "<="
	if size == migrate.LargeRows {
		operator = ">"
	}
	return fmt.Sprintf("%s %s %d", rowBytes(table), operator, migrate.LargeRow)
}

// rowBytes is how many bytes the values of a row have.
func rowBytes(table migrate.Table) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "coalesce(octet_length(t." + postgres.Quote(column.Name) + "::text), 0)::bigint"
	}
	return "(" + strings.Join(terms, " + ") + ")"
}

// valueSizes is how many bytes each value of a row has, -1 for NULL, as a text.
func valueSizes(table migrate.Table) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "coalesce(octet_length(t." + postgres.Quote(column.Name) + "::text), -1)"
	}
	return "concat_ws(',', " + strings.Join(terms, ", ") + ")"
}

// rowOf returns the row of a result of keyAndValues.
func rowOf(table migrate.Table, values [][]byte) (migrate.Row, error) {
	row := migrate.Row{Key: values[0], Values: values[1:]}
	if partColumn(table) != "" {
		row.Part, row.Values = values[1], values[2:]
	}
	if table.MostBytes == 0 {
		return row, nil
	}
	sizes := values[len(values)-1]
	row.Values = row.Values[:len(row.Values)-1]
	if sizes == nil {
		return row, nil
	}
	row.Values = nil
	for text := range strings.SplitSeq(string(sizes), ",") {
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return row, fmt.Errorf("reading how long the values of a row are: %w", err)
		}
		row.TooLarge = append(row.TooLarge, size)
	}
	return row, nil
}
