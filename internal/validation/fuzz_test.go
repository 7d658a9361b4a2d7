package validation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, a line in an env file ends the check, or stands in its report as it is.
func FuzzCheck(f *testing.F) {
	for _, name := range []string{"_FILE", "A", "ENCRYPTON_KEY", "ENCRYPTION_KEY_V", "ENCRYPTION_KEY_V01", "ADMIN_TOKEN", "DATABASE_URL", "REDIS_URL", "admin-token"} {
		f.Add(name, "generate-a-secure-token-here", "management")
		f.Add(name, "postgres://u:%zz@h", "")
		f.Add(name, marked("fuzz"), "admin-ui")
	}
	f.Fuzz(func(t *testing.T, name, text, component string) {
		if len(text) > 200 {
			return // zxcvbn takes its time, and the kinds have a test for that
		}
		file := envFile{".env", map[string]string{name: text}}
		report := validation.Check(validation.Input{Own: file.side(secret.Component(component)), Others: []validation.Side{file.side(secret.Agent)}})
		shown := fmt.Sprintf("%+v", report)
		if len(text) >= 20 && secret.Resembles(text) && !strings.Contains(name, text) && strings.Contains(shown, text) {
			t.Errorf("the report repeats the text of %q", name)
		}
	})
}

// If this fails, slips of one letter go by, of which the servers say nothing.
func TestSlips(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.Kinds() {
		for _, name := range kind.Names() {
			if strings.HasPrefix(name, "AUTH") {
				continue // it is short, and its slips of the first letter are other words
			}
			for at := 1; at < len(name); at++ {
				swapped := name[:at-1] + name[at:at+1] + name[at-1:at] + name[at+1:]
				for _, slip := range []string{name[:at] + name[at+1:], name[:at] + "Q" + name[at+1:], name[:at] + "Q" + name[at:], swapped, strings.ToLower(name)} {
					checkSlip(t, name, slip)
				}
			}
		}
	}
}

// checkSlip checks that a slip is found as one of a name, or is a name itself.
func checkSlip(t *testing.T, name, slip string) {
	t.Helper()
	if slip == name || strings.HasPrefix(slip, "ENCRYPTION_KEY_V") || slip[0] != name[0] && len(name) < 13 {
		return
	}
	file := envFile{".env", map[string]string{slip: marked("x"), "ENCRYPTION_KEY": marked("k")}}
	for _, found := range validation.Check(validation.Input{Own: file.side(secret.Management)}).Findings() {
		if found.Code == finding.NearName && found.Where == slip && strings.Contains(found.Fix, " "+name) {
			return
		}
	}
	t.Errorf("%s is not found as a slip of %s", slip, name)
}
