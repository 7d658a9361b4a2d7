package rotation_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// stored is a database with one row in each of its tables. Only what TryOldKey calls is there.
type stored struct {
	migrate.Conn
	migrate.Connector
	texts map[string]string
}

func (s stored) Open(context.Context) (migrate.Conn, error) { return s, nil }

func (s stored) Close(context.Context) {}

func (s stored) Scan(_ context.Context, table migrate.Table, _ migrate.Scope, visit func(migrate.Row) error) error {
	return visit(migrate.Row{Key: []byte("a row"), Values: [][]byte{nil, []byte(s.texts[table.Name])}})
}

// If this fails, the evidence says that the old key no longer opens a value, and nobody has tried.
func TestTryOldKey(t *testing.T) {
	t.Parallel()
	keys := map[int]crypto.Key{}
	for version := range 3 {
		key, err := crypto.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[version] = key
	}
	seal := func(label, key int) string {
		ring, err := crypto.NewKeyring(label, map[int]crypto.Key{label: keys[key]})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ring.Seal([]byte("a plaintext"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return c.String()
	}
	tables := []migrate.Table{{Schema: "public", Name: "users", Columns: []migrate.Column{{Name: "none"}, {Name: "token"}}}, {Schema: "public", Name: "secrets", Columns: []migrate.Column{{Name: "none"}, {Name: "value"}}}}
	for name, test := range map[string]struct {
		users, secrets string
		none           bool
	}{
		"the new key opens it":                          {users: "in the clear", secrets: seal(1, 1)},
		"there is none under the new":                   {users: "in the clear", secrets: seal(0, 0), none: true},
		"what the new key does not open is passed over": {users: seal(1, 0), secrets: seal(1, 1)},
	} {
		ring, err := crypto.NewKeyring(1, map[int]crypto.Key{0: keys[0], 1: keys[1]})
		if err != nil {
			t.Fatal(err)
		}
		trial, err := rotation.TryOldKey(t.Context(), stored{texts: map[string]string{"users": test.users, "secrets": test.secrets}}, tables, ring, 0)
		switch {
		case err != nil || test.none != (trial == nil):
			t.Errorf("%s: %+v, %v", name, trial, err)
		case trial != nil && (!trial.NewOpened || trial.OldOpened || trial.Table != "secrets" || trial.Column != "value" || len(trial.RowDigest) != 64 || strings.Contains(test.secrets, trial.ValueDigest)):
			t.Errorf("%s: %+v", name, trial)
		}
	}
}
