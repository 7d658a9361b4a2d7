package databasepassword_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, a run that goes on after a crash gives PgBouncer another verifier than the server has, and nobody
// can log in through it.
func TestVerifierIsMadeAgain(t *testing.T) {
	t.Parallel()
	make := func(password, role string, iterations int) string {
		made, err := databasepassword.MakeVerifier(secret.NewValue(password), role, iterations)
		if err != nil {
			t.Fatal(err)
		}
		return made.Reveal()
	}
	first := make("invented-one", "ocmt", 4096)
	if make("invented-one", "ocmt", 4096) != first {
		t.Error("the same password has two verifiers")
	}
	for name, other := range map[string]string{"password": make("invented-two", "ocmt", 4096), "role": make("invented-one", "ocmt_b", 4096)} {
		if salt := strings.Split(other, "$")[1]; salt == strings.Split(first, "$")[1] {
			t.Errorf("another %s has the same salt", name)
		}
	}
	if !strings.HasPrefix(make("invented-one", "ocmt", 10000), "SCRAM-SHA-256$10000:") {
		t.Error("the iterations are not those that were asked for")
	}
	if _, err := databasepassword.MakeVerifier(secret.NewValue("geheim\u00e4"), "ocmt", 4096); !errors.Is(err, databasepassword.ErrNotASCII) {
		t.Errorf("a password beyond ASCII: %v", err)
	}
}

// If this fails, what others have written is taken for a verifier and put into the server's catalogue.
func FuzzVerifier(f *testing.F) {
	made, _ := databasepassword.MakeVerifier(secret.NewValue("invented"), "ocmt", 1)
	f.Add(made.Reveal())
	f.Add("md5" + strings.Repeat("0", 32))
	f.Add("SCRAM-SHA-256$1:$:")
	f.Add("SCRAM-SHA-256$99999999999:AAAA$A:A")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "$") && len(strings.TrimLeft(strings.TrimPrefix(text, "SCRAM-SHA-256$"), "0123456789")) < len(text)-18 {
			t.Skip() // many iterations take long
		}
		verifier := secret.NewValue(text)
		if _, err := databasepassword.Verifies(verifier, secret.NewValue("invented")); (err == nil) != databasepassword.IsVerifier(verifier) {
			t.Errorf("%q is a verifier for one function alone: %v", text, err)
		}
		if databasepassword.IsVerifier(verifier) && strings.ContainsAny(text, `'"\`) {
			t.Errorf("%q has quotes, and is taken for a verifier", text)
		}
	})
}
