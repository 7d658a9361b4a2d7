package migrate_test

import (
	"context"
	"testing"
)

// If this fails, a ciphertext that was cut or quoted counts as a plaintext token, and the key
// that could still mend it is called removable; or a token keeps a key that it does not need.
func TestPlaintextTokens(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ring := v.ring(t, 1, 0, 1)
	sealed, legacy := seal(t, ring, 0, false, "token"), seal(t, ring, 0, true, "token")
	for name, c := range map[string]struct {
		text      string
		plaintext bool
	}{
		"hexadecimal":          {"8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d", true},
		"a word":               {"unknown", true},
		"two colons":           {"agent:7:secret", true},
		"four colons":          {"a:b:c:d:e", true},
		"an address":           {"https://host:8443/path", true},
		"a v inside a word":    {"srv2:abcdefgh", true},
		"a space in front":     {" " + sealed, false},
		"quoted":               {`"` + sealed + `"`, false},
		"behind a word":        {"Bearer " + sealed, false},
		"an uppercase label":   {"V" + sealed[1:], false},
		"cut in the IV":        {sealed[:10], false},
		"cut in the tag":       {sealed[:40], false},
		"an older form, cut":   {legacy[:40], false},
		"behind a word, older": {"token " + legacy, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			p := d.insert("users.gateway_token", c.text)
			d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "x"))
			result, err := d.runner(ring).Run(context.Background(), d.plan(ring, d.request()))
			if err != nil {
				t.Fatal(err)
			}
			verified := d.verify(ring, d.verifySources(), silent{})
			want := int64(1)
			if c.plaintext {
				want = 0
			}
			if result.SetAside != want || verified.SetAside != want || verified.Proven() != c.plaintext {
				t.Errorf("%d set aside by the run, %d by the verification, proven %t", result.SetAside, verified.SetAside, verified.Proven())
			}
			if d.value(p) != c.text {
				t.Errorf("the value was changed to %q", d.value(p))
			}
		})
	}
}

// If this fails, a column with an empty text keeps every old key for ever, though there is
// nothing in it that a key could open.
func TestEmptyTextIsNoValue(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	empty := d.insert("secrets.value_encrypted", "")
	d.insert("users.gateway_token", "")
	d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "x"))
	result, err := d.runner(ring).Run(context.Background(), d.plan(ring, d.request()))
	if err != nil {
		t.Fatal(err)
	}
	verified := d.verify(ring, d.verifySources(), silent{})
	if result.SetAside != 0 || result.Left != 0 || verified.Opened != 1 || verified.Plaintext != 0 || !verified.Proven() {
		t.Errorf("run %+v, verification %+v", result, verified)
	}
	if d.value(empty) != "" {
		t.Error("the empty text was changed")
	}
}
