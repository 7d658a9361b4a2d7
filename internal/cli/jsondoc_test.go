package cli

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// A script that reads a document by its page must find every field there.
func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]any{
		"keygen": keygenDocument{}, "validate": validateDocument{}, "migrate-plan": planDocument{},
		"migrate-run": runDocument{}, "migrate-verify": verifyDocument{}, "rotate": rotateDocument{},
		"migrate-status": statusDocument{}, "migrate-columns": columnsDocument{}, "demo": demoDocument{},
		"version": versionDocument{},
	} {
		_, part, found := strings.Cut(string(page), "`ocmt/"+name+"/v1`")
		if !found {
			t.Errorf("docs/json.md has no document %s", name)
			continue
		}
		part, _, _ = strings.Cut(part, "\n## ")
		for _, field := range fieldsOf(name, reflect.TypeOf(document)) {
			if !strings.Contains(part, "`"+field+"`") {
				t.Errorf("docs/json.md does not have the field %s of %s", field, name)
			}
		}
	}
}

// documentedElsewhere are documents within documents, with the one whose part of
// the page has their fields.
var documentedElsewhere = map[string]string{"runDocument": "migrate-run", "verifyDocument": "migrate-verify", "SetAside": "migrate-run",
	"Discovery": "migrate-columns"}

func fieldsOf(document string, of reflect.Type) (fields []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous {
			fields = append(fields, fieldsOf(document, field.Type)...)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		fields = append(fields, name)
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if home := documentedElsewhere[inner.Name()]; home == "" || home == document {
			fields = append(fields, fieldsOf(document, inner)...)
		}
	}
	return fields
}
