package finding_test

import (
	"slices"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
)

// If this fails, an operator pastes forty statements where three do, or statements that give too
// little, or in an order in which the server refuses them.
func TestGrants(t *testing.T) {
	t.Parallel()
	missing := []finding.Right{
		{Privilege: "select", On: "public.b", Role: "ocmt"},
		{Privilege: "update", On: "public.b", Role: "ocmt"},
		{Privilege: "select", On: "public.a", Column: "id", Role: "ocmt"},
		{Privilege: "select", On: "public.a", Role: "ocmt"},
		{Privilege: "update", On: "public.a", Role: "ocmt"},
		{Privilege: "update", On: "public.a", Role: "ocmt"},
		{Privilege: "usage", On: `sequence public."S"`, Role: "ocmt"},
		{Privilege: "usage", On: "schema extra", Role: "ocmt"},
		{Privilege: "usage", On: "schema public", Role: "ocmt"},
		{Privilege: "select", On: `"schema x".t`, Column: "id", Role: "ocmt"},
		{Privilege: "select", On: `"schema x".t`, Column: `"Body"`, Role: "ocmt"},
		{Privilege: "update", On: `"schema x".t`, Column: `"Body"`, Role: "ocmt"},
		{Privilege: "temporary", On: "database d", Role: `"An Other"`},
	}
	want := []string{
		"grant usage on schema extra, public to ocmt;",
		`grant select (id, "Body"), update ("Body") on "schema x".t to ocmt;`,
		"grant select, update on public.a, public.b to ocmt;",
		`grant usage on sequence public."S" to ocmt;`,
		`grant temporary on database d to "An Other";`,
	}
	if got := finding.Grants(missing); !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if got := finding.Grants(nil); len(got) > 0 {
		t.Errorf("nothing is missing, and it says %q", got)
	}
}
