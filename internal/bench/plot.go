package main

import (
	_ "embed"
	"os"
	"strings"
	"text/template"
)

//go:embed plot.svg.tmpl
var plotText string

var plotTemplate = template.Must(template.New("plot").Parse(plotText))

func (r *Report) svg() (string, error) {
	var out strings.Builder
	err := plotTemplate.Execute(&out, r.layOut())
	return out.String(), err
}

func (r *Report) draw(path string) error {
	text, err := r.svg()
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
