package audit

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

const (
	// minPassword is how many characters a password inside a URL needs at least.
	minPassword = 16
	// minAdminToken is how many characters ADMIN_TOKEN needs at least (contract, section 2).
	minAdminToken = 24
)

// commonPasswords are tried first by whoever guesses. They are compared in lower case.
var commonPasswords = []string{
	"password", "passw0rd", "password1", "password123", "password123456", "passwordpassword", "changeme", "changemechangeme", "change-me", "secret",
	"secretsecret", "supersecret", "admin", "administrator", "root", "toor", "postgres", "postgrespassword", "postgresql", "redis", "redispassword", "ocmt", "ocmtpassword",
	"openclaw", "default", "guest", "test", "testtest", "example", "letmein", "letmeinplease", "qwerty", "qwertyuiop", "qwertyuiopasdfgh", "welcome", "iloveyou",
	"123456", "12345678", "123456789", "1234567890", "1234567890123456", "0123456789abcdef", "abcdefghijklmnop", "1q2w3e4r", "trustno1", "mysecretpassword", "verysecretpassword",
}

// heldSecret is a secret of the settings.
type heldSecret struct {
	name     string // "password of DATABASE_URL" for one inside an address
	setting  string
	text     string
	made     bool // by the operator
	equal    string
	password bool // inside an address
	key      bool // an encryption key
}

// heldSecrets returns the secrets of the settings, with those inside addresses taken out.
func heldSecrets(settings Settings) (list []heldSecret) {
	for _, known := range ocmt.Settings() {
		text := settings.Text(known.Name)
		switch {
		case text == "" || known.Path:
		case known.Address:
			for _, password := range secret.AddressPasswords(text) {
				list = append(list, heldSecret{name: "password of " + known.Name, setting: known.Name, text: password, made: true, password: true})
			}
		default:
			list = append(list, heldSecret{name: known.Name, setting: known.Name, text: text, made: known.Made, equal: known.Equal})
		}
	}
	for _, name := range keyNames(settings) {
		list = append(list, heldSecret{name: name, setting: name, text: strings.ToLower(settings.Text(name)), made: true, key: true})
	}
	return list
}

// keyNames returns the names of the encryption keys that are set.
func keyNames(settings Settings) []string {
	return slices.DeleteFunc(settings.Names(encryptionKey), func(name string) bool { return !isKeyName(name) })
}

// keyName matches the settings of encryption keys, and not ENCRYPTION_KEY_VERSION.
var keyName = regexp.MustCompile(`^ENCRYPTION_KEY(?:_V[0-9]+)?$`)

func isKeyName(name string) bool { return keyName.MatchString(name) }

// lookAtSecrets is OCMT-FIL-006.
func lookAtSecrets(_ context.Context, sources *Sources, settings Settings) (Seen, error) {
	held := heldSecrets(settings)
	if len(held) == 0 && len(sources.Unread) == 0 {
		return Seen{Absent: "no setting of the deployment is a secret here"}, nil
	}
	seen := Seen{Looked: countThings(int64(len(held)), "secret", "secrets"), Gaps: slices.Clone(sources.Unread)}
	for _, one := range held {
		if fault := weaknessFault(one, settings); fault.Object != "" {
			seen.Faults = append(seen.Faults, fault)
		}
	}
	for i, one := range held {
		for _, other := range held[i+1:] {
			if one.text == other.text && !maySame(one, other) {
				seen.Faults = append(seen.Faults, Fault{Object: one.name + " = " + other.name, Message: "are one secret under two names",
					Expected: "two secrets", Actual: "the same text", Places: []string{place(settings, one.setting), place(settings, other.setting)}, File: settings.File(other.setting)})
			}
		}
	}
	return seen, nil
}

// place names a setting and where it was found.
func place(settings Settings, name string) string { return name + " in " + settings.Place(name) }

// weaknessFault says why a secret can be guessed. The zero Fault is none. An encryption key is the
// matter of OCMT-ENC-010.
func weaknessFault(one heldSecret, settings Settings) Fault {
	fault := Fault{Cause: one.name, Places: []string{place(settings, one.setting)}, File: settings.File(one.setting)}
	lower, length := strings.ToLower(one.text), len([]rune(one.text))
	switch {
	case one.key:
		return Fault{}
	case secret.IsPlaceholder(one.text), one.password && secret.IsPlaceholder(settings.Text(one.setting)):
		fault.Object, fault.Message, fault.Expected, fault.Actual = one.name+" example", "is an example of the documents", "a random secret", "an example"
	case one.made && slices.Contains(commonPasswords, lower), one.made && length > 0 && strings.Count(lower, lower[:1]) == len(lower):
		fault.Object, fault.Message, fault.Expected, fault.Actual = one.name+" common", "is a common password", "a random secret", "a common one"
	case one.password && length < minPassword:
		fault.Object, fault.Message, fault.Severity = one.name+" short", "is short", High
		fault.Expected, fault.Actual = fmt.Sprintf("at least %d characters", minPassword), "fewer"
	case one.setting == "ADMIN_TOKEN" && length < minAdminToken:
		fault.Object, fault.Message, fault.Severity = one.name+" short", "is short", High
		fault.Expected, fault.Actual = fmt.Sprintf("at least %d characters", minAdminToken), "fewer"
	}
	if !one.made && fault.Object != "" {
		fault.Fix = "set the secret that its maker has given for this deployment"
	}
	return fault
}

// maySame reports whether two settings may have one secret. Those that others make may be those of one
// account; encryption keys are compared with each other by OCMT-ENC-010.
func maySame(one, other heldSecret) bool {
	isPair := func(a, b heldSecret) bool {
		return a.equal == b.setting && a.equal != "" || a.setting == "GROUP_VAULT_AUTH_TOKEN" && b.setting == "AUTH_TOKEN"
	}
	return isPair(one, other) || isPair(other, one) || one.key && other.key || !one.made && !other.made
}
