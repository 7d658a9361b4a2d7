package databasepassword_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, the servers lose a part of their address, or read another password than the role has.
func TestAddressWithAnotherPassword(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ address, role, password, want string }{
		"plain":               {"postgresql://ocmt:old@db:5432/ocmt", "ocmt", "old", "postgresql://ocmt:NEW1@db:5432/ocmt"},
		"parameters stay":     {"postgres://ocmt:old@db/ocmt?sslmode=verify-full&x=%2f+a#part", "ocmt", "old", "postgres://ocmt:NEW1@db/ocmt?sslmode=verify-full&x=%2f+a#part"},
		"escaped":             {"postgresql://o%63mt:a%40b%2fc@db/o", "ocmt", "a@b/c", "postgresql://o%63mt:NEW1@db/o"},
		"an @ not escaped":    {"postgresql://ocmt:a@b@db/o", "ocmt", "a@b", "postgresql://ocmt:NEW1@db/o"},
		"a colon":             {"postgresql://ocmt:a:b@db/o", "ocmt", "a:b", "postgresql://ocmt:NEW1@db/o"},
		"several hosts":       {"postgresql://ocmt:old@a:1,b:2/o", "ocmt", "old", "postgresql://ocmt:NEW1@a:1,b:2/o"},
		"IPv6":                {"postgresql://ocmt:old@[::1]:5432/o", "ocmt", "old", "postgresql://ocmt:NEW1@[::1]:5432/o"},
		"white space around":  {" postgresql://ocmt:old@db/o ", "ocmt", "old", " postgresql://ocmt:NEW1@db/o "},
		"in the parameters":   {"postgresql://db/o?user=ocmt&password=a%26b+c&sslmode=require", "ocmt", "a&b c", "postgresql://db/o?user=ocmt&password=NEW1&sslmode=require"},
		"password there only": {"postgresql://ocmt@db/o?password=old", "ocmt", "old", "postgresql://ocmt@db/o?password=NEW1"},
		"password before":     {"postgresql://db/o?password=old&user=ocmt", "ocmt", "old", "postgresql://db/o?password=NEW1&user=ocmt"},
		"socket":              {"postgresql://ocmt:old@/o?host=%2Frun%2Fpostgresql", "ocmt", "old", "postgresql://ocmt:NEW1@/o?host=%2Frun%2Fpostgresql"},
		"pairs":               {"host=db  user=ocmt password=old dbname=o", "ocmt", "old", "host=db  user=ocmt password='NEW1' dbname=o"},
		"pairs with quotes":   {`host = db password = 'a\'b c' user='ocmt'`, "ocmt", "a'b c", `host = db password = 'NEW1' user='ocmt'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, err := databasepassword.ParseAddress(secret.NewValue(test.address))
			if err != nil {
				t.Fatal(err)
			}
			if address.Role() != test.role || address.Password().Reveal() != test.password {
				t.Errorf("read as %q with %q", address.Role(), address.Password().Reveal())
			}
			changed, err := address.With(test.role, secret.NewValue("NEW1"))
			if err != nil || changed.Text().Reveal() != test.want {
				t.Errorf("became %q, %v", changed.Text().Reveal(), err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", address, address, address), test.password) {
				t.Error("it prints")
			}
			if back, err := changed.With(test.role, address.Password()); err != nil || back.Password().Reveal() != test.password {
				t.Errorf("back: %v", err)
			}
		})
	}
}

// If this fails, a password is changed in the wrong place of an address, or in a part of one.
func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]error{
		"postgresql://ocmt@db/o":                        databasepassword.ErrNoPassword,
		"postgresql://ocmt:@db/o":                       databasepassword.ErrNoPassword,
		"postgresql://:old@db/o":                        databasepassword.ErrNoPassword,
		"postgresql://db/o":                             databasepassword.ErrNoPassword,
		"postgresql://ocmt:old@db/o?password=older":     databasepassword.ErrAmbiguous,
		"postgresql://ocmt:old@db/o?user=other":         databasepassword.ErrAmbiguous,
		"postgresql://ocmt:a/b@db/o":                    databasepassword.ErrAddress,
		"mysql://ocmt:old@db/o":                         databasepassword.ErrAddress,
		"postgresql://ocmt:a%zz@db/o":                   databasepassword.ErrAddress,
		"host=db user=ocmt password='old":               databasepassword.ErrAddress,
		"host=db user=ocmt password=old password=older": databasepassword.ErrAmbiguous,
		"":                 databasepassword.ErrNoPassword,
		"old":              databasepassword.ErrAddress,
		"host=db password": databasepassword.ErrAddress,
		"postgresql://ocmt:old@db/o?password=a&password=b&user=": databasepassword.ErrAmbiguous,
	} {
		_, err := databasepassword.ParseAddress(secret.NewValue(address))
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// If this fails, the driver logs in with another password than the tool has put into the address.
func FuzzAddress(f *testing.F) {
	for _, address := range []string{"postgresql://ocmt:old@db:5432/ocmt?sslmode=disable", "postgres://a%40:b%25@h/d?password=", "host=h user='a b' password=x\\'y",
		"postgresql://u:p@h,i/d#f", "postgresql://?user=a&password=b", "user=a password='b'"} {
		f.Add(address, "a new: one/with %@ 'all' \\ of & them + ä")
	}
	f.Fuzz(func(t *testing.T, text, password string) {
		address, err := databasepassword.ParseAddress(secret.NewValue(text))
		if err != nil || password == "" {
			return
		}
		changed, err := address.With("other role", secret.NewValue(password))
		if err != nil {
			return
		}
		if again, err := databasepassword.ParseAddress(changed.Text()); err != nil || again.Role() != "other role" || again.Password().Reveal() != password {
			t.Fatalf("%q is not read again: %v", changed.Text().Reveal(), err)
		}
		config, err := pgconn.ParseConfig(strings.TrimSpace(changed.Text().Reveal()))
		if err != nil || strings.ContainsAny(text+password, "\x00") {
			return
		}
		if config.User != "other role" || config.Password != password {
			t.Errorf("%q: the driver reads another account or password", changed.Text().Reveal())
		}
	})
}
