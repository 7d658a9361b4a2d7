package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// tracesOf returns texts that reveal a part of secret: pieces of it in the forms in which Go
// prints bytes, and the words that AES makes of a key.
func tracesOf(secret []byte) []string {
	// A piece is longer than the digits of an address, which may be printed.
	const piece = 8
	traces := []string{base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret)}
	for i := 0; i+piece <= len(secret); i++ {
		part := secret[i : i+piece]
		traces = append(traces, string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)))
		for _, form := range []string{"%d", "%#v", "% x", "% X", "%q", "%U"} {
			traces = append(traces, strings.Trim(fmt.Sprintf(form, part), `[]"`+"`"))
		}
		traces = append(traces, strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"))
	}
	for word := range len(secret) / 4 {
		for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
			traces = append(traces, strconv.Itoa(int(order.Uint32(secret[4*word:]))))
		}
	}
	return traces
}

// wantNoTrace checks that text reveals no part of secret. It does not print the text, which
// may reveal one.
func wantNoTrace(t *testing.T, where, text string, secret []byte) {
	t.Helper()
	for _, trace := range tracesOf(secret) {
		if strings.Contains(text, trace) {
			t.Errorf("%s gives the secret away", where)
			return
		}
	}
}

// exportedFields holds values that must not print, in fields whose methods fmt calls.
type exportedFields struct {
	Key      crypto.Key
	Pointer  *crypto.Key
	Any      any
	List     []crypto.Key
	Map      map[string]crypto.Key
	Ring     *crypto.Keyring
	RingCopy crypto.Keyring
	Resealer *crypto.Resealer
}

// unexportedFields holds values that must not print, in fields whose methods fmt cannot
// call.
type unexportedFields struct {
	key      crypto.Key
	pointer  *crypto.Key
	any      any
	list     []crypto.Key
	array    [1]crypto.Key
	byName   map[string]crypto.Key
	ring     *crypto.Keyring
	ringCopy crypto.Keyring
	inner    struct{ key crypto.Key }
}

// failure is an error of another package, with a key in it.
type failure struct{ key crypto.Key }

func (failure) Error() string { return "failed" }

// makeHolders returns values through which a key could reach a log, and the bytes of the
// key.
func makeHolders(t testing.TB) (map[string]any, []byte) {
	t.Helper()
	key, err := crypto.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{0: newKey(t), 1: key})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(keyText)
	if err != nil {
		t.Fatal(err)
	}
	list, byName := []crypto.Key{key}, map[string]crypto.Key{"key": key}
	opened := exportedFields{key, &key, key, list, byName, ring, *ring, crypto.NewResealer(ring, nil)}
	hidden := unexportedFields{key, &key, key, list, [1]crypto.Key{key}, byName, ring, *ring, struct{ key crypto.Key }{key}}
	return map[string]any{
		"key": key, "key pointer": &key, "keyring": ring, "keyring copy": *ring,
		"resealer": opened.Resealer, "list": list, "map": byName, "map of any": map[string]any{"key": key, "ring": ring},
		"open": opened, "open pointer": &opened, "closed": hidden, "closed pointer": &hidden,
		"list of closed": []unexportedFields{hidden}, "map of closed": map[int]*unexportedFields{0: &hidden},
		"error": failure{key}, "wrapped error": fmt.Errorf("%v: %w", key, &failure{key}), "joined": errors.Join(failure{key}),
	}, secret
}

// If a key printed anywhere, it would be in a log that many can read, and every
// value under it would have to be moved again.
func TestNothingPrintsAKey(t *testing.T) {
	t.Parallel()
	values, secret := makeHolders(t)
	for name, value := range values {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %#q %x %#x %X %d %t %b %o %c %U %e %g %p %w %T %08d %-20s") {
			wantNoTrace(t, name+" through "+verb, fmt.Sprintf(verb, value), secret)
		}
		// Some of the values cannot be encoded. The error must not show the key either.
		text, err := json.Marshal(value)
		wantNoTrace(t, name+" as JSON", fmt.Sprint(string(text), err), secret)
		text, err = xml.Marshal(value)
		wantNoTrace(t, name+" as XML", fmt.Sprint(string(text), err), secret)
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).With("with", value).Info("message", "value", value, slog.Group("group", "value", value))
		}
		wantNoTrace(t, name+" through slog", log.String(), secret)
	}
}

// If the text for a key varied, an operator could not distinguish a hidden key from a key
// that happens to look odd.
func TestKeyPrintsAsRedacted(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %d") {
		if fmt.Sprintf(verb, key) != "[redacted]" || fmt.Sprintf(verb, &key) != "[redacted]" {
			t.Errorf("%s prints something else", verb)
		}
	}
	text, err := json.Marshal(map[string]any{"a": key, "b": &key})
	if err != nil || string(text) != `{"a":"[redacted]","b":"[redacted]"}` {
		t.Errorf("JSON is something else: %v", err)
	}
	if key.String() != "[redacted]" || key.GoString() != "[redacted]" || key.LogValue().String() != "[redacted]" {
		t.Error("String, GoString or LogValue is something else")
	}
}

// If a keyring printed no versions, an operator could not see from a log which
// key was missing.
func TestKeyringPrintsItsVersions(t *testing.T) {
	t.Parallel()
	const want = "keyring of versions 0, 7, 12, sealing under 7"
	ring := newKeyring(t, 7, 12, 0, 7)
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %d") {
		if got := fmt.Sprintf(verb, ring); got != want {
			t.Errorf("%s prints %s", verb, got)
		}
		if got := fmt.Sprintf(verb, *ring); got != want {
			t.Errorf("%s of a copy prints %s", verb, got)
		}
	}
	if text, err := json.Marshal(ring); err != nil || string(text) != strconv.Quote(want) {
		t.Errorf("JSON is %s, %v", text, err)
	}
	if ring.GoString() != want || ring.LogValue().String() != want {
		t.Error("GoString or LogValue is something else")
	}
}

// If a Resealer printed its buffers, a log line about a failed row would hold
// the plaintext of that row.
func TestResealerPrintsNoPlaintext(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0)
	resealer := crypto.NewResealer(ring, nil)
	plaintext := []byte("sk-proj-18ccd5ad855e780e3e5d9be2")
	if _, err := resealer.Open(sealUnder(t, ring, 0, plaintext)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %d") {
		wantNoTrace(t, verb, fmt.Sprintf(verb, resealer), plaintext)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("message", "value", resealer)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("message", "value", resealer)
	wantNoTrace(t, "slog", log.String(), plaintext)
}

// panicWith is the variable that says with what value the copy of this test is to panic.
const panicWith = "OCMT_TEST_PANIC_WITH"

// If a panic printed a key, the service manager's journal would keep it.
func TestPanicPrintsNoKey(t *testing.T) {
	t.Parallel()
	values, secret := makeHolders(t)
	if name := os.Getenv(panicWith); name != "" {
		panic(values[name])
	}
	for _, name := range []string{"key", "key pointer", "keyring", "open", "closed", "error", "wrapped error"} {
		command := exec.Command(os.Args[0], "-test.run=^TestPanicPrintsNoKey$")
		command.Env = append(os.Environ(), panicWith+"="+name)
		text, err := command.CombinedOutput()
		if err == nil || !bytes.Contains(text, []byte("panic: ")) {
			t.Fatalf("%s: the copy did not panic: %v", name, err)
		}
		wantNoTrace(t, "panic with "+name, string(text), secret)
	}
}
