package cli

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, a flag lands in another option than the operator means, and another night is shown.
func TestAuditLogOptions(t *testing.T) {
	t.Parallel()
	var got any
	after := review.Cursor{review.AuditLog: {Time: "2026-01-01 00:00:00", ID: "1"}}.String()
	for args, want := range map[string]auditLogOptions{
		"": {},
		"--since 90d --until 2026-01-01T00:00:00Z --user a,b --tenant t --group g --action vault.* --ip 10.1.2.3/16 --failed --source audit_log --limit 7 --after " + after: {Since: "90d", Until: "2026-01-01T00:00:00Z", Users: nameList{"a", "b"},
			Tenants: textList{"t"}, Groups: textList{"g"}, Action: "vault.*", Networks: networkList{netip.MustParsePrefix("10.1.0.0/16")}, Failed: true, Sources: nameList{"audit_log"}, Limit: 7, After: wordFlag(after)},
		"--export csv":        {Export: "csv"},
		"--follow --limit 5":  {Follow: true, Limit: 5},
		"--suspicious":        {Suspicious: true},
		"--limits --output=x": {Limits: true},
	} {
		got = nil
		deps, _, _ := testDeps(t)
		app := &App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})}
		root := &cobra.Command{Use: "ocmt"}
		addGlobalFlags(root.PersistentFlags(), &app.globals)
		cmd := capture(newAuditLogCommand, &got)(app)
		root.AddCommand(cmd)
		root.SetArgs(append([]string{"log"}, strings.Fields(strings.ReplaceAll(args, "--output=x", "--output=json"))...))
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", args, diff)
		}
	}
}

// If this fails, flags that contradict each other are guessed at.
func TestAuditLogOptionsAreValidated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options auditLogOptions
		want    string // part of the error; "" for good options
	}{
		{auditLogOptions{}, ""},
		{auditLogOptions{Limit: 1, After: wordFlag(review.Cursor{review.MFAAttempts: {Time: "x", ID: "y"}}.String())}, ""},
		{auditLogOptions{After: "e30"}, "--after: it is no place"},
		{auditLogOptions{Export: "xml"}, "--export must be"},
		{auditLogOptions{Export: "csv", Suspicious: true}, "exclude each other"},
		{auditLogOptions{Follow: true, Limits: true}, "exclude each other"},
		{auditLogOptions{Export: "csv", Limit: 5}, "are about pages"},
		{auditLogOptions{Follow: true, Limit: 5, Since: "1h"}, ""},
		{auditLogOptions{Follow: true, Until: "1h"}, "--follow shows what comes"},
		{auditLogOptions{Action: "*.failed"}, "* at its end only"},
		{auditLogOptions{Sources: nameList{"sessions"}}, "is no source"},
		{auditLogOptions{Suspicious: true, Since: "30d", Failed: true}, ""},
	} {
		err := c.options.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.options, err, c.want)
		}
	}
}
