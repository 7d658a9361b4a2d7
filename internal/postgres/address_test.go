package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// If this fails, an address that the servers use is refused, or means something else here: a
// server's certificate that they verify is not verified.
func TestAddressIsThatOfNodePostgres(t *testing.T) {
	t.Parallel()
	for query, c := range map[string]struct {
		tls, verified bool
		fallback      bool // without TLS
		passedOver    []string
	}{
		"":                                    {true, false, true, nil},
		"sslmode=disable":                     {},
		"sslmode=prefer":                      {true, false, true, nil},
		"sslmode=require":                     {true, true, false, nil},
		"sslmode=verify-full":                 {true, true, false, nil},
		"sslmode=verify-ca":                   {true, true, false, nil},
		"sslmode=no-verify":                   {true, false, false, nil},
		"ssl=true":                            {true, true, false, nil},
		"ssl=no-verify":                       {true, false, false, nil},
		"ssl=0":                               {},
		"sslmode=require&uselibpqcompat=true": {true, false, false, nil},
		"sslmode=disable&schema=public&max=20&pgbouncer=true":       {false, false, false, []string{"max", "pgbouncer", "schema"}},
		"sslmode=disable&application_name=x&statement_timeout=5000": {},
		"sslmode=disable&idleTimeoutMillis=5&v2ee90d1=1":            {false, false, false, []string{"[not shown]", "idleTimeoutMillis"}},
	} {
		db, err := New("postgresql://ocmt:secret@db:5433/ocmt?"+query, Options{ApplicationName: "ocmt"})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		config := db.config
		plain := len(config.Fallbacks) > 0 && config.Fallbacks[len(config.Fallbacks)-1].TLSConfig == nil
		tls := config.TLSConfig != nil
		verified := tls && !config.TLSConfig.InsecureSkipVerify
		if tls != c.tls || verified != c.verified || tls && plain != c.fallback {
			t.Errorf("%s: TLS %t, verified %t, plain too %t; want %+v", query, tls, verified, plain, c)
		}
		if diff := cmp.Diff(c.passedOver, db.PassedOver()); diff != "" {
			t.Errorf("%s: passed over (-want +got):\n%s", query, diff)
		}
		for _, name := range []string{"schema", "max", "pgbouncer", "uselibpqcompat"} {
			if _, sent := config.RuntimeParams[name]; sent {
				t.Errorf("%s: %s goes to the server, which refuses it", query, name)
			}
		}
		db.Close()
	}
}

// If this fails, an operator is told that an address is wrong and not where, or reads a password
// in the message.
func TestRefusalNamesWhatIsAtFault(t *testing.T) {
	folder := t.TempDir()
	closed := filepath.Join(folder, "none.pem")
	for address, want := range map[string]string{
		"postgresql://ocmt:MARKED@db/ocmt?sslmode=MARKED":                            "DATABASE_URL: sslmode",
		"postgresql://ocmt:MARKED@db/ocmt?ssl=MARKED":                                "DATABASE_URL: ssl:",
		"postgresql://ocmt:MARKED@db/ocmt?sslmode=verify-full&sslrootcert=" + closed: "DATABASE_URL: sslrootcert: the file " + closed,
		"postgresql://ocmt:MARKED@db/ocmt?connect_timeout=MARKED":                    "DATABASE_URL: connect_timeout",
		"postgresql://ocmt:MARKED@db/ocmt?target_session_attrs=MARKED":               "DATABASE_URL: target_session_attrs",
		"postgresql://ocmt:MAR/KED@db/ocmt":                                          "not an address",
		"MARKED":                                                                     "not an address",
	} {
		_, err := New(address, Options{})
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "MARKED") {
			t.Errorf("%v; want %q", err, want)
		}
	}
	for variable, value := range map[string]string{"PGSSLMODE": "MARKED", "PGPORT": "MARKED", "PGSSLROOTCERT": closed, "PGTARGETSESSIONATTRS": "MARKED"} {
		t.Setenv(variable, value)
		_, err := New("postgresql://ocmt:MARKED@db/ocmt", Options{})
		if !errors.Is(err, ErrAddress) || !strings.HasPrefix(err.Error(), variable+": ") || strings.Contains(err.Error(), "MARKED") {
			t.Errorf("%s: %v", variable, err)
		}
		if err := os.Unsetenv(variable); err != nil {
			t.Fatal(err)
		}
	}
}

// If this fails, a parameter with a space in it, such as options, means something else for the server than for
// node-postgres.
func TestSpacesInParameters(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"options=-c%20geqo%3Doff", "options=-c+geqo%3Doff"} {
		db, err := New("postgresql://ocmt@db/ocmt?sslmode=disable&"+query, Options{ApplicationName: "ocmt"})
		if err != nil {
			t.Fatal(err)
		}
		if options := db.config.RuntimeParams["options"]; options != "-c geqo=off" {
			t.Errorf("%s is read as %q", query, options)
		}
		db.Close()
	}
}
