package main

import (
	"fmt"
	"os"
	"strings"
)

// The marks are before and behind the figures of the last run on a page.
const (
	figuresBegin = "<!-- figures: written by make bench -->\n"
	figuresEnd   = "<!-- end of the figures -->\n"
)

// fillPage puts the figures into a Markdown page that has the marks.
func (r *Report) fillPage(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := replaceFigures(string(page), r.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

// replaceFigures replaces the text between the marks.
func replaceFigures(page, text string) (string, error) {
	before, rest, begun := strings.Cut(page, figuresBegin)
	_, after, ended := strings.Cut(rest, figuresEnd)
	if !begun || !ended {
		return "", fmt.Errorf("the page lacks the lines %q and %q", strings.TrimSpace(figuresBegin), strings.TrimSpace(figuresEnd))
	}
	return before + figuresBegin + text + figuresEnd + after, nil
}

func (r *Report) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "\nMeasured on %s.\n", r.Machine)
	for _, s := range r.sections() {
		fmt.Fprintf(&out, "\n### %s\n\n", s.title)
		tableLine(&out, s.head)
		fmt.Fprintf(&out, "| --- |%s\n", strings.Repeat(" ---: |", len(s.head)-1))
		for _, row := range s.rows {
			tableLine(&out, row)
		}
		for _, note := range s.notes {
			fmt.Fprintf(&out, "\n%s\n", note)
		}
	}
	out.WriteString("\n")
	return out.String()
}

func tableLine(out *strings.Builder, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}
