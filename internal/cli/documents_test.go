package cli

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/ui"
)

// fieldRow matches the first column of a row of docs/json.md.
var fieldRow = regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\|")

// pageSections returns the types that docs/json.md describes, by the heading of their
// section.
func pageSections() map[string]reflect.Type {
	sections := map[string]reflect.Type{
		"error":                  reflect.TypeFor[ui.ErrorDocument](),
		"A finding":              reflect.TypeFor[finding.Finding](),
		"A value set aside":      reflect.TypeFor[migrate.SetAside](),
		"A value given up":       reflect.TypeFor[migrate.Accepted](),
		"A search":               reflect.TypeFor[discover.Report](),
		"A run at work":          reflect.TypeFor[pgrecord.Run](),
		"An overview":            reflect.TypeFor[overview](),
		"A finding of an audit":  reflect.TypeFor[report.DocumentFinding](),
		"An accepted fault":      reflect.TypeFor[audit.Accepted](),
		"A line of the timeline": reflect.TypeFor[review.Entry](),
	}
	for _, written := range documents() {
		heading := strings.Replace(written.name, "-", " ", 1)
		if reflect.TypeOf(written.form) == reflect.TypeFor[steerDocument]() {
			heading = "migrate pause, resume, set, abort"
		}
		sections[heading] = reflect.TypeOf(written.form)
	}
	return sections
}

// If this fails, a script that reads a document by its page misses a field, or waits for
// one that is not there.
func TestPageNamesEveryField(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := pageSections()
	page := map[string]string{}
	for part := range strings.SplitSeq("\n"+string(text), "\n## ") {
		heading, body, _ := strings.Cut(part, "\n")
		page[heading] = body
	}
	described := map[reflect.Type]bool{}
	for _, of := range sections {
		described[of] = true
	}
	for heading, of := range sections {
		var rows []string
		for _, match := range fieldRow.FindAllStringSubmatch(page[heading], -1) {
			rows = append(rows, match[1])
		}
		fields := fieldPaths(of, "", described)
		for _, field := range fields {
			if !slices.Contains(rows, field) {
				t.Errorf("docs/json.md, section %q, does not have the field %s", heading, field)
			}
		}
		for _, row := range rows {
			if !slices.Contains(fields, row) {
				t.Errorf("docs/json.md, section %q, has the field %s, and the document does not", heading, row)
			}
		}
		if len(slices.Compact(slices.Sorted(slices.Values(rows)))) != len(rows) {
			t.Errorf("docs/json.md, section %q, has a field twice", heading)
		}
	}
}

// fieldPaths returns the paths of the fields of a type, without those of types that have
// a section of their own.
func fieldPaths(of reflect.Type, prefix string, described map[reflect.Type]bool) (paths []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := elementType(field.Type)
		switch {
		case field.Anonymous:
			paths = append(paths, fieldPaths(inner, prefix, described)...)
			continue
		case name == "" || name == "-":
			continue
		}
		paths = append(paths, prefix+name)
		if inner.Kind() == reflect.Struct && !described[inner] {
			separator := "."
			if field.Type.Kind() == reflect.Slice {
				separator = "[]."
			}
			paths = append(paths, fieldPaths(inner, prefix+name+separator, described)...)
		}
	}
	return paths
}

// If this fails, the help page of a command lists no fields, or the operator of a narrow
// terminal cannot read them.
func TestHelpListsFields(t *testing.T) {
	t.Parallel()
	for _, written := range documents() {
		text := describeDocument(written.name)
		if !strings.HasPrefix(text, "JSON document ocmt/"+written.name+"/v1: ") {
			t.Errorf("%s: %q", written.name, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > helpWidth {
				t.Errorf("%s: %q does not fit into %d columns", written.name, line, helpWidth)
			}
		}
	}
}
