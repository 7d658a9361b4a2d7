package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/leak"
)

// Invented secrets: a key, a token, a password with what encoders escape, the shortest that is
// searched, and one beyond ASCII.
const (
	key      = "9f3c1b7ae25d40688c7fe1ab03d4569b70e8c2f1a5b6d7980341e2f3c4d5b6a7"
	token    = "tOk3n-Qm7+zR4/vX9_pL2=sW"
	password = `p&ss <w>"\ör/d+1%`
	shortest = "aB3dE5gH7jK9"
	beyond   = "пароль-от-базы-😀"
)

var secrets = []leak.Secret{
	{Name: "ENCRYPTION_KEY", Value: config.NewSecret(key)}, {Name: "AUTH_TOKEN", Value: config.NewSecret(token)},
	{Name: "REDIS_URL", Value: config.NewSecret(password)}, {Name: "ADMIN_TOKEN", Value: config.NewSecret(shortest)},
	{Name: "ADMIN_PASSWORD", Value: config.NewSecret(beyond)},
}

// written is a secret in a form, made by other code than the package's own wherever there is some.
type written struct {
	form leak.Form
	text string
}

func write(secret string) []written {
	inJSON, _ := json.Marshal(secret)
	quoted := string(inJSON[1 : len(inJSON)-1])
	ascii := fmt.Sprintf("%+q", secret)
	upper := url.QueryEscape(secret)
	units := utf16.Encode([]rune(secret))
	list := []written{
		{leak.Plain, secret}, {leak.Hex, hex.EncodeToString([]byte(secret))}, {leak.Hex, fmt.Sprintf("%X", secret)},
		{leak.URL, upper}, {leak.URL, lowerEscapes(upper)}, {leak.URL, url.PathEscape(secret)},
		{leak.JSON, quoted}, {leak.JSON, strings.ReplaceAll(quoted, "/", `\/`)},
		{leak.JSON, ascii[1 : len(ascii)-1]},
		{leak.UTF16LE, string(inOrder(binary.LittleEndian, units))}, {leak.UTF16BE, string(inOrder(binary.BigEndian, units))},
	}
	list = append(list, writeBase64(leak.Base64, secret)...)
	if raw, err := hex.DecodeString(secret); err == nil && len(raw) == 32 {
		list = append(list, written{leak.Plain, strings.ToUpper(secret)}, written{leak.Raw, string(raw)})
		list = append(list, writeBase64(leak.RawBase64, string(raw))...)
	}
	// Go's own form differs from that of JSON in these.
	return slices.DeleteFunc(list, func(w written) bool { return w.form == leak.JSON && notJSON.MatchString(w.text) })
}

var notJSON = regexp.MustCompile(`\\[Uxav]`)

func inOrder(order binary.AppendByteOrder, units []uint16) (b []byte) {
	for _, unit := range units {
		b = order.AppendUint16(b, unit)
	}
	return b
}

func lowerEscapes(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c == '%' {
			copy(b[i:], bytes.ToLower(b[i:i+3]))
		}
	}
	return string(b)
}

// writeBase64 puts a secret at each place of a group, between other bytes.
func writeBase64(form leak.Form, secret string) (list []written) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			list = append(list, written{form, encoding.EncodeToString([]byte("\xa5\x5a="[3-before:] + secret + "\nz"))})
		}
	}
	return list
}

// If this fails, an operator is told that a secret is nowhere, and it stands in a repository in
// a form that was not looked for.
func TestEachFormIsFound(t *testing.T) {
	t.Parallel()
	m := leak.New(secrets)
	for _, secret := range secrets {
		for i, w := range write(secret.Value.Reveal()) {
			text := []byte("before " + w.text + " after")
			if !has(m.Find(text), secret.Name) {
				t.Errorf("%s, form %d (%s): not found", secret.Name, i, w.form)
			}
			if hits, err := m.FindIn(iotest.OneByteReader(bytes.NewReader(text))); err != nil || !has(hits, secret.Name) {
				t.Errorf("%s, form %d (%s): not found byte by byte: %v", secret.Name, i, w.form, err)
			}
		}
	}
	hits := m.Find([]byte(strings.Repeat("-", 100) + hex.EncodeToString([]byte(token))))
	if want := []leak.Hit{{Name: "AUTH_TOKEN", Form: leak.Hex, Offset: 100}}; !reflect.DeepEqual(hits, want) {
		t.Errorf("found %v, want %v", hits, want)
	}
}

func has(hits []leak.Hit, name string) bool {
	for _, hit := range hits {
		if hit.Name == name {
			return true
		}
	}
	return false
}

// If this fails, one of two settings with the same value is not named, and is not replaced.
func TestEqualValuesAreBothNamed(t *testing.T) {
	t.Parallel()
	m := leak.New([]leak.Secret{{Name: "AUTH_TOKEN", Value: config.NewSecret(token)}, {Name: "AGENT_SERVER_TOKEN", Value: config.NewSecret(token)}})
	if hits := m.Find([]byte(token)); len(hits) != 2 || hits[0].Name != "AGENT_SERVER_TOKEN" || hits[1].Name != "AUTH_TOKEN" {
		t.Errorf("found %v", hits)
	}
}

// If this fails, an operator takes a secret for searched that was not, or is told of words that
// stand everywhere by chance.
func TestShortSecretsAreNamedAndNotSearched(t *testing.T) {
	t.Parallel()
	m := leak.New([]leak.Secret{{Name: "SHORT", Value: config.NewSecret("elevenchars")}, {Name: "UNSET", Value: config.Secret{}}})
	if names := m.TooShort(); !reflect.DeepEqual(names, []string{"SHORT"}) {
		t.Errorf("too short: %v", names)
	}
	if hits := m.Find([]byte("elevenchars elevenchars")); hits != nil {
		t.Errorf("found %v", hits)
	}
}

// If this fails, a log line with a Matcher or a Secret in it has the secrets.
func TestNothingPrints(t *testing.T) {
	t.Parallel()
	m := leak.New(secrets)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, value := range []any{m, struct{ M *leak.Matcher }{m}, secrets, m.Find([]byte(key + token))} {
			if printed := fmt.Sprintf(verb, value); len(m.Find([]byte(printed))) > 0 {
				t.Errorf("%s of %T prints a secret", verb, value)
			}
		}
	}
}

// If this fails, a text whose end could not be read counts as searched.
func TestReadErrorIsToldWithWhatWasFound(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	hits, err := leak.New(secrets).FindIn(io.MultiReader(strings.NewReader(token), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !has(hits, "AUTH_TOKEN") {
		t.Errorf("found %v, error %v", hits, err)
	}
}

// FuzzFind compares with bytes.Contains. If it fails, whether a secret is found depends on where
// it stands, on how the text was divided, or on what stands beside it.
func FuzzFind(f *testing.F) {
	f.Add([]byte("some text"), key, uint8(0), uint16(3), uint8(7))
	f.Add([]byte{}, token, uint8(4), uint16(0), uint8(1))
	f.Add(bytes.Repeat([]byte("a"), 300), strings.Repeat("a", 20), uint8(13), uint16(70), uint8(64))
	f.Add([]byte("x"), password, uint8(9), uint16(1), uint8(200))
	f.Fuzz(func(t *testing.T, around []byte, secret string, which uint8, at uint16, size uint8) {
		if len(secret) > 300 || utf8.RuneCountInString(secret) < leak.MinLength || !utf8.ValidString(secret) {
			return
		}
		m := leak.New(append([]leak.Secret{{Name: "IT", Value: config.NewSecret(secret)}}, secrets...))
		forms := write(secret)
		offset := int(at) % (len(around) + 1)
		text := append(append(append([]byte{}, around[:offset]...), forms[int(which)%len(forms)].text...), around[offset:]...)
		whole := m.Find(text)
		if !has(whole, "IT") {
			t.Fatalf("form %d at %d is not found", int(which)%len(forms), offset)
		}
		for _, other := range secrets {
			if bytes.Contains(text, []byte(other.Value.Reveal())) != hasForm(whole, other.Name, leak.Plain) && other.Name != "ENCRYPTION_KEY" {
				t.Fatalf("%s: not what bytes.Contains finds", other.Name)
			}
		}
		if bytes.Contains(text, []byte(secret)) != hasForm(whole, "IT", leak.Plain) && !isKey(secret) {
			t.Fatal("not what bytes.Contains finds")
		}
		s := m.NewStream()
		for rest := text; len(rest) > 0; {
			n := min(int(size)%97+1, len(rest))
			_, _ = s.Write(rest[:n])
			rest = rest[n:]
		}
		if pieces := s.Hits(); !reflect.DeepEqual(pieces, whole) {
			t.Fatalf("in pieces %v, at once %v", pieces, whole)
		}
	})
}

func hasForm(hits []leak.Hit, name string, form leak.Form) bool {
	for _, hit := range hits {
		if hit.Name == name && hit.Form == form {
			return true
		}
	}
	return false
}

func isKey(secret string) bool {
	raw, err := hex.DecodeString(secret)
	return err == nil && len(raw) == 32
}

// If this fails, a repository takes minutes to search, and the check is left out.
func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var many []leak.Secret
	for i := range 20 {
		value := hex.EncodeToString(randomBytes(r, 32))
		if i%2 == 1 {
			value = base64.StdEncoding.EncodeToString(randomBytes(r, 18))
		}
		if i%5 == 4 {
			value = value[:leak.MinLength]
		}
		many = append(many, leak.Secret{Name: fmt.Sprint("S", i), Value: config.NewSecret(value)})
	}
	m := leak.New(many)
	const size = 16 << 20
	base := base64.StdEncoding.EncodeToString(randomBytes(r, size))[:size]
	for name, text := range map[string][]byte{
		"bytes": randomBytes(r, size), "base64": []byte(base), "hex": []byte(hex.EncodeToString(randomBytes(r, size/2))),
		"words": bytes.Repeat([]byte("const value = process.env.NAME;\n"), size/32),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				m.Find(text)
			}
		})
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
