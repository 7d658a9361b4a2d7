package audit_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// encVectors are what the server makes of texts.
type encVectors struct {
	Keys map[string]string
	Odd  []struct{ Name, Ciphertext, Server string }
}

func readVectors(t *testing.T) (vectors encVectors) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/encryption.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// valueChecks are the checks that read values.
var valueChecks = []string{"001", "002", "003", "004", "005", "006", "007", "008", "009", "012", "013"}

// gapOfAll fails unless all checks of values have one gap, and none passes.
func gapOfAll(t *testing.T, results map[string]audit.Result, want audit.Gap) {
	t.Helper()
	for _, id := range valueChecks {
		result := results[id]
		if result.Outcome == audit.Pass || result.Outcome == audit.NotApplicable {
			t.Errorf("OCMT-ENC-%s is %s", id, result.Outcome)
		}
		if !slices.ContainsFunc(result.Gaps, func(g audit.Gap) bool {
			return g.What == want.What && g.Missing == want.Missing && strings.HasPrefix(g.Grant, want.Grant)
		}) {
			t.Errorf("OCMT-ENC-%s has the gaps %+v", id, result.Gaps)
		}
	}
}

// If this fails, a column that could not be read counts as sound.
func TestEncryptionWithoutSelectOnAColumn(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	d.secret("PLAIN", "sk-plain")
	role, address := d.role("grant select on all tables in schema public")
	d.exec("revoke select on user_integrations from " + role)
	d.exec("grant select (id, access_token_encrypted, refresh_token_encrypted) on user_integrations to " + role)
	results := d.run(address)
	gapOfAll(t, results, audit.Gap{What: "public.user_integrations.api_key_encrypted", Missing: "SELECT on public.user_integrations.api_key_encrypted",
		Grant: `grant select (api_key_encrypted) on public.user_integrations to auditor_`})
	if found := results["006"].Findings; len(found) != 1 {
		t.Errorf("what could be read was not looked at: %+v", found)
	}
}

// If this fails, rows that row security hides count as sound.
func TestEncryptionBehindRowSecurity(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	d.exec("alter table secrets enable row level security")
	d.exec("create policy none on secrets using (false)")
	_, address := d.role("grant select on all tables in schema public")
	gapOfAll(t, d.run(address), audit.Gap{What: "public.secrets", Missing: "BYPASSRLS", Grant: "alter role "})
}

// If this fails, an account that may not use the schema at all is told that there is nothing to check.
func TestEncryptionWithoutTheSchema(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.exec("revoke usage on schema public from public")
	_, address := d.role("grant select on all tables in schema public")
	gapOfAll(t, d.run(address), audit.Gap{What: "public.users", Missing: "USAGE on schema public", Grant: `grant usage on schema public to auditor_`})
}

// If this fails, values that nobody could open count as sound.
func TestEncryptionWithoutKeys(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	d.secret("PLAIN", "sk-plain")
	for name, settings := range map[string]encSettings{"no settings": nil, "no key": {"ENCRYPTION_KEY_VERSION": "1"}, "no version": {"ENCRYPTION_KEY": d.keys[1].Reveal(), "ENCRYPTION_KEY_VERSION": "one"}} {
		d.settings = settings
		results := d.run(d.url)
		for _, id := range []string{"001", "002", "003", "004", "005", "007", "011", "012"} {
			if results[id].Outcome != audit.Unchecked {
				t.Errorf("%s: OCMT-ENC-%s is %s", name, id, results[id].Outcome)
			}
		}
		if len(results["006"].Findings) != 1 || results["008"].Outcome != audit.Pass {
			t.Errorf("%s: what needs no key is %s and %s", name, results["006"].Outcome, results["008"].Outcome)
		}
		if settings != nil && settings["ENCRYPTION_KEY"] == "" && results["010"].Outcome != audit.Unchecked {
			t.Errorf("%s: OCMT-ENC-010 is %s", name, results["010"].Outcome)
		}
	}
}

// If this fails, the check of IVs passes when the disk for its hashes is full or missing.
func TestEncryptionWithoutAFolder(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	d.options.MaxHashes, d.options.Folder = 1, d.t.TempDir()+"/none"
	results := d.run(d.url)
	if results["007"].Outcome != audit.Unchecked || results["001"].Outcome != audit.Pass {
		t.Errorf("OCMT-ENC-007 is %s, and OCMT-ENC-001 %s", results["007"].Outcome, results["001"].Outcome)
	}
}

// If this fails, a database without the tables passes, or a slip in ocmt.yaml reads as nothing to look at.
func TestEncryptionOfAbsentTables(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.options.Catalogue = []ocmt.Table{{Name: "nothing", Key: "id", Columns: []ocmt.Column{{Name: "a"}}}}
	for id, result := range d.run(d.url) {
		if slices.Contains(valueChecks, id) && result.Outcome != audit.NotApplicable {
			t.Errorf("OCMT-ENC-%s is %s", id, result.Outcome)
		}
	}
	d.options.Catalogue[0].Columns[0].Required = true
	gapOfAll(t, d.run(d.url), audit.Gap{What: "nothing.a"})
}

// If this fails, a rotation that is at work looks like one that was forgotten.
func TestEncryptionDuringARotation(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.secret("OLDER", d.seal(0, "sk-older").String())
	d.exec("begin")
	d.exec("select pg_advisory_xact_lock(8026379307689802099)")
	d.exec("commit and chain")
	if found := d.run(d.url)["005"].Findings; len(found) != 1 || found[0].Severity != audit.Medium {
		t.Errorf("without a rotation, found %+v", found)
	}
	d.exec("select pg_advisory_xact_lock(8026379307689802099)")
	defer d.exec("rollback")
	if found := d.run(d.url)["005"].Findings; len(found) != 1 || found[0].Severity != audit.Medium {
		t.Errorf("with the lock held by a stranger, found %+v", found)
	}
	d.exec("set local application_name = 'ocmt'")
	if found := d.run(d.url)["005"].Findings; len(found) != 1 || found[0].Severity != audit.Info {
		t.Errorf("during a rotation, found %+v", found)
	}
}
