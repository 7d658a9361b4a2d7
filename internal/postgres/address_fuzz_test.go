package postgres_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/postgres"
)

// FuzzAddress: no DATABASE_URL, however it is misspelt, may end a command in a panic, or have its password
// in the error.
func FuzzAddress(f *testing.F) {
	const marker = "hidden-20fd"
	for _, seed := range []string{"@h:5432/d", "@h/d?sslmode=require", "@%2Frun/d", "@[::1]:5432/d?x=%", "@h,i:1,2/d?target_session_attrs=any", "@h/d?sslcert=/dev/zero", "@h/d?service=x", "@:/"} {
		f.Add("postgres://u:", seed)
	}
	f.Add("postgresql://", "?host=/tmp&password=")
	f.Add("host=h password=", " dbname=d")
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(strings.ToLower(before+after), "file") || strings.Contains(before+after, "ssl") {
			t.Skip() // these name files of this machine
		}
		db, err := postgres.New(before+marker+after, postgres.Options{})
		if err == nil {
			db.Close()
			return
		}
		if strings.Contains(err.Error(), marker) && strings.HasPrefix(before, "postgres://u:") && !strings.ContainsAny(before[len("postgres://u:"):], "@/?#") && strings.HasPrefix(after, "@") {
			t.Errorf("the error shows the password: %v", err)
		}
	})
}
