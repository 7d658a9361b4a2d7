package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// print writes the report for a terminal.
func (r *Report) print(out io.Writer) {
	_, _ = fmt.Fprintln(out, r.Machine)
	for _, s := range r.sections() {
		_, _ = fmt.Fprintf(out, "\n%s\n\n", s.title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, row := range append([][]string{s.head}, s.rows...) {
			_, _ = fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
		}
		_ = w.Flush()
		for _, note := range s.notes {
			_, _ = fmt.Fprintf(out, "\n%s\n", note)
		}
	}
}
