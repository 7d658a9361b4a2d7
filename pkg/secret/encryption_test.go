package secret_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// soundKey is a random key of no deployment.
const soundKey = "c1d92e7fb3580a64ee17c39f0b6d84f25a3c9e71d8064bf2937ae5c01d6f8b42"

// reported is what a machine reads of a finding.
type reported struct {
	Name, Code string
	Severity   finding.Severity
}

func findings(problems []finding.Finding) []reported {
	var found []reported
	for _, problem := range problems {
		found = append(found, reported{problem.Where, string(problem.Code), problem.Severity})
	}
	return found
}

// wantFindings compares problems with what is wanted, and checks that each says
// what is wrong and what to do, and nothing of the texts.
func wantFindings(t *testing.T, problems []finding.Finding, want []reported, texts ...string) {
	t.Helper()
	if diff := cmp.Diff(want, findings(problems)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, problem := range problems {
		if problem.Message == "" || problem.Fix == "" {
			t.Errorf("%s says nothing, or not what to do", problem.Code)
		}
		if repeats(problem, texts) {
			t.Errorf("%s repeats part of what was checked", problem.Code)
		}
	}
}

// repeats reports whether problem holds eight characters of one of texts.
func repeats(problem finding.Finding, texts []string) bool {
	said := strings.ToLower(strings.Join([]string{problem.Where, string(problem.Code), problem.Message, problem.Fix}, "\n"))
	for _, text := range texts {
		for i := 0; i+8 <= len(text); i++ {
			if strings.Contains(said, strings.ToLower(text[i:i+8])) {
				return true
			}
		}
	}
	return false
}

// If a text that is no key passed, the server would fail at the first value; if
// the wrong thing were named, the operator would look in the wrong place.
func TestKeyForm(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, code string }{
		"empty":                      {"", "missing"},
		"one digit short":            {soundKey[:63], "length"},
		"one digit long":             {soundKey + "7", "length"},
		"twice":                      {soundKey + soundKey, "length"},
		"16 bytes":                   {soundKey[:32], "length"},
		"32 characters, not digits":  {"correct horse battery staple 32!", "length"},
		"quotes around":              {`"` + soundKey + `"`, "length"},
		"0x in front":                {"0x" + soundKey, "length"},
		"Base64 of 32 bytes":         {"wdkuf7NYCmTuF8OfC22E8lo8nnHYBkvyk3rlwB1vi0I=", "length"},
		"line end behind":            {soundKey + "\n", "white_space"},
		"line end of Windows behind": {soundKey + "\r\n", "white_space"},
		"space in front":             {" " + soundKey, "white_space"},
		"space for a digit":          {soundKey[:63] + " ", "white_space"},
		"only white space":           {" \t", "white_space"},
		"letter behind f":            {soundKey[:63] + "g", "not_hex"},
		"letter O for zero":          {"O" + soundKey[1:], "not_hex"},
		"0x instead of digits":       {"0x" + soundKey[2:], "not_hex"},
		"space inside":               {soundKey[:30] + " " + soundKey[31:], "not_hex"},
		"zero byte inside":           {soundKey[:30] + "\x00" + soundKey[31:], "not_hex"},
		"64 bytes that are no digit": {strings.Repeat("é", 32), "not_hex"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFindings(t, secret.CheckEncryptionKey(test.text), []reported{{"", test.code, finding.Error}}, test.text)
		})
	}
}

// If uppercase were refused, a deployment that runs on such a key could not be
// rotated away from it; if it passed unsaid, two servers could differ.
func TestKeyCase(t *testing.T) {
	t.Parallel()
	wantFindings(t, secret.CheckEncryptionKey(soundKey), nil)
	warning := []reported{{"", "uppercase", finding.Warning}}
	for _, text := range []string{strings.ToUpper(soundKey), "C" + soundKey[1:]} {
		wantFindings(t, secret.CheckEncryptionKey(text), warning, text)
	}
}

// If a text from the documentation passed, every value would be sealed under a
// key that everybody can read there.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	const example = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"
	for name, text := range map[string]string{
		"example":               example,
		"uppercase":             strings.ToUpper(example),
		"quotes around":         "'" + example + "'",
		"white space around":    " " + example + "\n",
		"cut to 32 characters":  example[:32],
		"its last digit raised": example[:63] + "7",
		"filled up":             example[:32] + soundKey[:32],
		"token":                 "YourSecureRandomToken123456789",
		"token in lowercase":    "yoursecurerandomtoken123456789",
		"token here":            "generate-a-secure-token-here",
		"change this":           "change-this-to-something-secure",
		"64 hex chars":          "generate-64-hex-chars-32-bytes-key",
		"in double quotes":      `"generate-64-hex-chars-32-bytes-key"`,
		"client ID":             "your-google-client-id",
		"client secret":         "your-google-client-secret",
		"secret token":          "your-secret-token-here",
		"change me":             "change-me-to-a-long-random-token",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFindings(t, secret.CheckEncryptionKey(text), []reported{{"", "documented_example", finding.Error}}, text)
		})
	}
}

// fill repeats block until it is a key.
func fill(block string) string { return strings.Repeat(block, 64/len(block)+1)[:64] }

// count writes 32 bytes, each at step from the one before.
func count(first, step byte) string {
	key := make([]byte, 32)
	for i := range key {
		key[i] = first + byte(i)*step
	}
	return hex.EncodeToString(key)
}

// inHex writes text as the bytes of a key.
func inHex(text string) string { return hex.EncodeToString([]byte(text)) }

// If a key that somebody thought up passed, whoever gets the database could
// find it by trying what people think up.
func TestWeakKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ key, code string }{
		"zeros":                     {fill("0"), "all_equal"},
		"all f":                     {fill("f"), "all_equal"},
		"all 7":                     {fill("7"), "all_equal"},
		"digits in order":           {fill("0123456789abcdef"), "sequential"},
		"digits backwards":          {fill("fedcba9876543210"), "sequential"},
		"decimal digits":            {fill("1234567890"), "sequential"},
		"decimal digits backwards":  {fill("9876543210"), "sequential"},
		"bytes upwards":             {count(0, 1), "sequential"},
		"bytes downwards":           {count(0xff, 0xff), "sequential"},
		"every third byte":          {count(0x11, 3), "sequential"},
		"one byte repeated":         {fill("ab"), "repeated_block"},
		"three digits repeated":     {fill("c1d"), "repeated_block"},
		"eight bytes repeated":      {fill(soundKey[:16]), "repeated_block"},
		"half a key twice":          {fill(soundKey[:32]), "repeated_block"},
		"31 digits repeated":        {fill(soundKey[:31]), "repeated_block"},
		"sentence":                  {inHex("correct horse battery staple 123"), "text"},
		"password filled with zero": {inHex("hunter2 is a password") + strings.Repeat("00", 11), "text"},
		"Base64 text as bytes":      {inHex("wdkuf7NYCmTuF8OfC22E8lo8nnHYBkvy"), "text"},
		"hexadecimal as bytes":      {inHex(soundKey[:32]), "text"},
		"text and a line end":       {inHex("correct horse battery staple 12\n"), "text"},
		"text with one other byte":  {inHex("correct horse\xff battery staple 12"), "text"},
		"words":                     {"deadbeefcafebabe8badf00dfeedfacec0ffeebadc0dedecafdefacedfadedbe", "words"},
		"half words":                {"deadbeefcafebabe8badf00dfeedface" + soundKey[:32], "words"},
		"words apart":               {"deadbeefc1d92e7fcafebabeb3580a64feedfaceee17c39f8badf00d0b6d84f2", "words"},
		"zeros and ones":            {"0110100110010110100101100110100110010110011010010110100110010111", "few_values"},
		"one digit and a number":    {strings.Repeat("1", 60) + "2345", "few_values"},
		"eight digits":              {"2017460351726435071263540716253407165234017625341076523417062534", "few_values"},
		"ten bytes":                 {"7fb3d90a642ed9d9c10aeeb3c17feeee58b32ed9b37fc1b3b37f2eb3b358d917", "few_values"},
		"short key filled up":       {soundKey[:48] + strings.Repeat("0", 16), "long_run"},
		"hole of zeros":             {soundKey[:24] + strings.Repeat("00", 8) + soundKey[40:], "long_run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(test.key) != 64 {
				t.Fatalf("the test's own key has %d characters", len(test.key))
			}
			wantFindings(t, secret.CheckEncryptionKey(test.key), []reported{{"", test.code, finding.Error}}, test.key)
			upper := secret.CheckEncryptionKey(strings.ToUpper(test.key))
			if len(upper) == 0 || string(upper[0].Code) != test.code {
				t.Error("passes, or is another weakness, in uppercase")
			}
		})
	}
}

// If a random key were refused, ocmt would send an operator in the middle of a
// rotation to look for a weakness that is not there.
func TestRandomKeysPass(t *testing.T) {
	t.Parallel()
	const keys = 100_000
	kind, ok := secret.Lookup("encryption")
	if !ok {
		t.Fatal("there is no kind of this name")
	}
	var raw [32]byte
	for range keys {
		if _, err := io.ReadFull(rand.Reader, raw[:]); err != nil {
			t.Fatal(err)
		}
		if problems := kind.Check(hex.EncodeToString(raw[:])); len(problems) > 0 {
			t.Fatalf("a random key is refused as %s", problems[0].Code)
		}
	}
}

// If a made key were not 64 lowercase digits from the source, a server would
// refuse it, or it would be easier to guess than it looks.
func TestGenerate(t *testing.T) {
	t.Parallel()
	kind, ok := secret.Lookup("encryption")
	if !ok {
		t.Fatal("there is no kind of this name")
	}
	want, err := hex.DecodeString(soundKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := kind.Generate(iotest.OneByteReader(bytes.NewReader(want)))
	if err != nil || text != soundKey {
		t.Errorf("is not the source's 32 bytes in lowercase: %v", err)
	}
	seen := make(map[string]bool)
	for range 1000 {
		text, err := kind.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if seen[text] || len(kind.Check(text)) > 0 {
			t.Fatal("made one key twice, or one that does not pass")
		}
		seen[text] = true
	}
}

// constant is a source that gives one byte for ever, as a broken one does.
type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// If a broken source made a key, everybody with the same fault would have it.
func TestGenerateRefusesBrokenSources(t *testing.T) {
	t.Parallel()
	kind, ok := secret.Lookup("encryption")
	if !ok {
		t.Fatal("there is no kind of this name")
	}
	for name, random := range map[string]io.Reader{
		"failing": iotest.ErrReader(errors.New("no entropy")), "31 bytes": io.LimitReader(rand.Reader, 31),
		"zeros": constant(0), "ones": constant(0xff), "text": strings.NewReader("correct horse battery staple 123"),
	} {
		if text, err := kind.Generate(random); err == nil || text != "" {
			t.Errorf("%s: made a key", name)
		}
	}
}
