package ui_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator hands a DBA half of the statements, or the same ones twice.
func TestGrantsStandOnceAtTheEnd(t *testing.T) {
	t.Parallel()
	audit := finding.Right{Privilege: "insert", On: "public.audit_log", Role: "ocmt"}
	users := finding.Right{Privilege: "select", On: "public.users", Role: "ocmt"}
	const block = "  next: paste into psql, as the owner of the tables or a superuser:\n        grant insert on public.audit_log to ocmt;\n        grant select on public.users to ocmt;\n"
	for name, c := range map[string]struct {
		options ui.Options
		end     func(*ui.Printer)
		want    string
	}{
		"success": {ui.Options{Quiet: true}, (*ui.Printer).EndGrants, block},
		"failure": {ui.Options{}, func(p *ui.Printer) {
			p.Fail(&ui.Error{Message: "no", Hints: []string{"wait"}, Missing: []finding.Right{users}})
		},
			"error: no\n" + block + "  next: wait\n"},
		"document": {ui.Options{JSON: true}, (*ui.Printer).EndGrants, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, told bytes.Buffer
			printer := ui.NewPrinter(ui.Streams{Out: &out, Err: &told}, c.options)
			printer.Lack(audit, users)
			printer.Lack(audit)
			c.end(printer)
			if told.String() != c.want || out.Len() > 0 {
				t.Errorf("got\n%s%s\nwant\n%s", out.String(), told.String(), c.want)
			}
		})
	}
	var told bytes.Buffer
	printer := ui.NewPrinter(ui.Streams{Out: &told, Err: &told}, ui.Options{JSON: true})
	printer.Lack(audit)
	printer.Fail(&ui.Error{Message: "no", Missing: []finding.Right{users}})
	if !strings.Contains(told.String(), "grant insert on public.audit_log to ocmt; grant select on public.users to ocmt;") {
		t.Errorf("the document of an error lacks a statement: %s", told.String())
	}
}
