package cli

import (
	"reflect"
	"strings"
)

// helpWidth is how many columns a help page takes.
const helpWidth = 79

// describeDocument returns the sentence of a help page that lists the fields of a JSON
// document. It reads them from the document's type, so that it cannot go out of date.
func describeDocument(name string) string {
	for _, written := range documents() {
		if written.name == name {
			fields := fieldList(reflect.TypeOf(written.form), documentNames(), true)
			return wrapText("JSON document ocmt/"+name+"/v1: "+strings.Join(fields, ", ")+".", helpWidth)
		}
	}
	return ""
}

// documentNames returns the first document of each type.
func documentNames() map[reflect.Type]string {
	names := map[reflect.Type]string{}
	for _, written := range documents() {
		of := reflect.TypeOf(written.form)
		if names[of] == "" {
			names[of] = written.name
		}
	}
	return names
}

// fieldList returns the names of the fields of a type. With nested, the fields of a
// field stand behind it in parentheses, or the name of the document that it is.
func fieldList(of reflect.Type, documents map[reflect.Type]string, nested bool) (list []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := elementType(field.Type)
		switch {
		case field.Anonymous && inner.Kind() == reflect.Struct:
			list = append(list, fieldList(inner, documents, nested)...)
			continue
		case name == "" || name == "-":
			continue
		case nested && documents[inner] != "":
			name += " (as in " + documents[inner] + ")"
		case nested && inner.Kind() == reflect.Struct && inner.NumField() > 0:
			if fields := fieldList(inner, documents, false); len(fields) > 0 {
				name += " (" + strings.Join(fields, ", ") + ")"
			}
		}
		list = append(list, name)
	}
	return list
}

// elementType returns what a pointer points at, or what a list or a map contains.
func elementType(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	return of
}

// wrapText breaks a text into lines of at most so many columns.
func wrapText(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
