package migrate_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, an operator has lost secrets: a value that the new key does not
// open, a damaged one that was written over, or something else that changed.
func TestEveryValueMovesOrStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]string{"by pages": nil, "by key": withoutPages} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyValueMoves(t, newDatabaseOn(t, testenv.Shared(t), before...))
		})
	}
}

func everyValueMoves(t *testing.T, d *database) {
	t.Helper()
	ctx := context.Background()
	d.exec("create table org_resources (like group_resources including all)")
	v := readVectors(t)
	ring := v.ring(t, 1, 0, 1)

	moved, untouched := map[place]string{}, map[place]string{}
	d.exec("insert into users (email, gateway_token) values ('first', 'unknown')")
	for column := range inserts {
		for n := range 20 {
			plain := fmt.Sprintf("plaintext %d of %s", n, column)
			moved[d.insert(column, seal(t, ring, 0, n%2 == 0, plain))] = plain
		}
		moved[d.insert(column, seal(t, ring, 1, false, "already there"))] = "already there"
	}
	odd := oddValues(t, d, v, ring, moved, untouched)
	plainToken := d.insert("users.gateway_token", strings.Repeat("0123456789abcdef", 4))
	untouched[plainToken] = d.value(plainToken)
	before := d.checksums()

	plan := d.plan(ring, d.request())
	result, err := d.runner(ring).Run(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	if result.SetAside != int64(odd) || result.Left != 0 {
		t.Errorf("%d set aside and %d left, want %d and 0", result.SetAside, result.Left, odd)
	}
	if result.Passes != 2 {
		t.Errorf("%d passes, want all moved in the first and the second to find nothing", result.Passes)
	}
	d.checkOpens(moved, v.ring(t, 1, 1))
	for p, text := range untouched {
		if d.value(p) != text {
			t.Errorf("%v was changed, and must not be", p)
		}
	}
	if diff := cmp.Diff(before, d.checksums()); diff != "" {
		t.Errorf("something else changed (-before +after):\n%s", diff)
	}
	verified, err := migrate.Verify(ctx, d.verifySources(), ring, d.request(), silent{})
	if err != nil {
		t.Fatal(err)
	}
	if verified.Opened != int64(len(moved)) || verified.Proven() {
		t.Errorf("verify opened %d values and says proven=%v, want %d and false", verified.Opened, verified.Proven(), len(moved))
	}
}

// oddValues puts every odd vector into a column, and returns how many of them a
// run from version 0 to 1 must set aside.
func oddValues(t *testing.T, d *database, v vectors, ring *crypto.Keyring, moved, untouched map[place]string) (aside int) {
	t.Helper()
	for _, odd := range v.Odd {
		p := d.insert("group_resources.auth_config_encrypted", odd.Ciphertext)
		c, err := crypto.Parse(odd.Ciphertext)
		var plain []byte
		if err == nil {
			plain, err = ring.Open(c)
		}
		switch {
		case err == nil && c.Version == 0:
			moved[p] = string(plain)
		case err == nil:
			untouched[p] = odd.Ciphertext // under version 1 already
			moved[p] = string(plain)
		case strings.HasPrefix(odd.Ciphertext, "v1:"):
			untouched[p] = odd.Ciphertext // labelled as done; verify names it
		default:
			untouched[p] = odd.Ciphertext
			aside++
		}
	}
	return aside
}

func (d *database) checkOpens(want map[place]string, alone *crypto.Keyring) {
	d.t.Helper()
	for p, plain := range want {
		c, err := crypto.Parse(d.value(p))
		if err != nil {
			d.t.Errorf("%v cannot be read: %v", p, err)
			continue
		}
		got, err := alone.Open(c)
		if err != nil {
			d.t.Errorf("%v does not open with the new key alone: %v", p, err)
		} else if string(got) != plain {
			d.t.Errorf("%v opens to another plaintext than it was made from", p)
		}
	}
}

// If this fails, an operator with the wrong key overwrites what the right one
// would still have opened.
func TestRefusesUnfitKeys(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	right := v.ring(t, 1, 0, 1)
	zero, _ := right.Key(0)
	one, _ := right.Key(1)
	strange, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		keys map[int]crypto.Key
		code string
	}{
		"wrong":   {map[int]crypto.Key{0: strange, 1: one}, "wrong_key"},
		"swapped": {map[int]crypto.Key{0: one, 1: zero}, "swapped_keys"},
		"missing": {map[int]crypto.Key{1: one}, "missing_version"},
		"relabel": {map[int]crypto.Key{0: zero, 1: strange}, "wrong_key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			for n := range 10 {
				d.insert("secrets.value_encrypted", seal(t, right, 0, n%2 == 0, "zero"))
				d.insert("alert_channels.config_encrypted", seal(t, right, 1, false, "one"))
			}
			before := d.texts("select value_encrypted from secrets order by key")
			ring, err := crypto.NewKeyring(1, c.keys)
			if err != nil {
				t.Fatal(err)
			}
			plan := d.plan(ring, d.request())
			codes := map[string]bool{}
			for _, obstacle := range plan.Findings {
				codes[string(obstacle.Code)] = true
			}
			if !codes[c.code] {
				t.Errorf("obstacles %v, want %s among them", codes, c.code)
			}
			if _, err := d.runner(ring).Run(context.Background(), plan); err == nil {
				t.Error("the run was not refused")
			}
			if diff := cmp.Diff(before, d.texts("select value_encrypted from secrets order by key")); diff != "" {
				t.Error("values were changed by a run that should have been refused")
			}
		})
	}
}
