package leak_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/leak"
)

// settings are settings of a deployment.
type settings map[string]string

func (s settings) Text(name string) string { return s[name] }

func (s settings) Names(prefix string) (names []string) {
	for name := range s {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// If this fails, a secret of a deployment is not searched, or an example of the documents is reported
// wherever the documents are.
func TestConfiguredSecrets(t *testing.T) {
	t.Parallel()
	m := leak.New(leak.Configured(settings{
		"ENCRYPTION_KEY": key, "ENCRYPTION_KEY_VERSION": "100000000001", "ENCRYPTION_KEY_V0": strings.ToUpper(key[32:] + key[:32]),
		"ADMIN_TOKEN": token, "AUTH_TOKEN": "change-me-to-a-long-random-token", "SAML_PRIVATE_KEY_PATH": "/etc/ocmt/saml.key",
		"DATABASE_URL": "postgresql://ocmt:pass%2Fword%2Fwritten@db:5432/ocmt?sslmode=require", "REDIS_URL": "redis://:tooshort@r:6379", "OTHER": "not a secret at all",
	}))
	if want := []string{"ADMIN_TOKEN", "DATABASE_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEY_V0"}; !reflect.DeepEqual(m.Names(), want) {
		t.Errorf("searched: %v", m.Names())
	}
	if want := []string{"REDIS_URL"}; !reflect.DeepEqual(m.TooShort(), want) {
		t.Errorf("too short: %v", m.TooShort())
	}
	for _, text := range []string{"pass%2Fword%2Fwritten", "pass/word/written"} {
		if !has(m.Find([]byte(text)), "DATABASE_URL") {
			t.Errorf("%s is not found", text)
		}
	}
	keywords := leak.New(leak.Configured(settings{"DATABASE_URL": "host=db user=ocmt password=" + token}))
	if !has(keywords.Find([]byte(token)), "DATABASE_URL") {
		t.Error("the password of the other form of addresses is not found")
	}
}
