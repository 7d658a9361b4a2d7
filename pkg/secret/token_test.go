package secret_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// soundToken is a random text of letters and digits of no deployment.
const soundToken = "q7RzVt2KcX9mLwHs4BfYgN8dPjT3aUoE6iZ1vCkM5xW"

// kindOf returns a kind that there is.
func kindOf(t testing.TB, name string) secret.Kind {
	t.Helper()
	kind, ok := secret.Lookup(name)
	if !ok {
		t.Fatalf("there is no kind %s", name)
	}
	return kind
}

// codesOf returns the codes of findings with their severities, in one text.
func codesOf(list []finding.Finding) string {
	var codes []string
	for _, found := range list {
		codes = append(codes, fmt.Sprintf("%s %s", found.Severity, found.Code))
	}
	return strings.Join(codes, ", ")
}

// If a token that somebody thought up passed, whoever reaches the server could try what people think up; if the
// wrong thing were named, the operator would look in the wrong place.
func TestTokens(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ kind, text, codes string }{
		"random hex":            {"agent-token", soundKey, ""},
		"random uppercase hex":  {"agent-token", strings.ToUpper(soundKey), ""},
		"other form":            {"agent-token", soundToken, "warning other_form"},
		"16 bytes":              {"agent-token", soundKey[:32], "warning other_form"},
		"any form":              {"csrf-secret", soundToken, ""},
		"empty":                 {"agent-token", "", "error missing"},
		"line end":              {"agent-token", soundKey + "\n", "error white_space"},
		"23 characters":         {"admin-token", soundToken[:23], "error length"},
		"24 characters":         {"admin-token", soundToken[:24], ""},
		"Base64":                {"admin-token", "jC0fAP5kd77rMc6vTmM8fP30rXzE3L1wSzy6ieAG/E+=", ""},
		"no Base64":             {"admin-token", soundToken[:30] + "$!" + soundToken[30:], "error alphabet"},
		"space inside":          {"admin-token", soundToken[:30] + " " + soundToken[30:], "error alphabet"},
		"zero byte":             {"admin-token", soundToken[:30] + "\x00" + soundToken[30:], "error alphabet"},
		"one character":         {"admin-token", strings.Repeat("x", 30), "error all_equal"},
		"one character, cases":  {"admin-token", strings.Repeat("xX", 15), "error all_equal"},
		"letters in order":      {"admin-token", "abcdefghijklmnopqrstuvwxyz", "error sequential"},
		"letters backwards":     {"admin-token", "zyxwvutsrqponmlkjihgfedcba", "error sequential"},
		"digits in order":       {"csrf-secret", strings.Repeat("1234567890", 3), "error sequential"},
		"block":                 {"admin-token", strings.Repeat("Xk9", 10), "error repeated_block"},
		"half twice":            {"csrf-secret", soundToken[:20] + soundToken[:20], "error repeated_block"},
		"text in hex":           {"agent-token", inHex("correct horse battery staple 123"), "error text"},
		"text in Base64":        {"admin-token", base64.StdEncoding.EncodeToString([]byte("correct horse battery staple is a text")), "error text"},
		"words in hex":          {"agent-token", "deadbeefcafebabe8badf00dfeedface" + soundKey[:32], "error words"},
		"few characters":        {"csrf-secret", "abacbcabbcacbabcabcbacbbacab", "error few_values"},
		"filled up":             {"agent-token", soundKey[:48] + strings.Repeat("0", 16), "error long_run"},
		"words":                 {"admin-token", "administratorpasswordtoken", "error guessable"},
		"words with digits":     {"admin-token", "P4ssw0rd1s3cur3P4ssw0rd12", "error guessable"},
		"name and year":         {"csrf-secret", "OcmtProductionSecret2024!", "error guessable"},
		"of Stripe":             {"stripe-secret-key", "sk_live_" + soundToken[:24], ""},
		"short, of GitHub":      {"github-client-secret", soundKey[:12], "warning guessable"},
		"of nobody":             {"openai-api-key", "sk-none", "warning guessable"},
		"users' gateway":        {"gateway-tokens", "unknown", "error length"},
		"password, random":      {"database-password", soundToken[:16], ""},
		"password, words":       {"admin-password", "correct horse battery staple", ""},
		"password, good":        {"admin-password", "kestrel-7-paprika", ""},
		"password, common":      {"admin-password", "hunter2", "error guessable"},
		"password, name, year":  {"admin-password", "admin2024", "error guessable"},
		"password, keyboard":    {"redis-password", "qwertyuiop", "error guessable"},
		"password, ours":        {"redis-password", "ocmtopenclaw", "error guessable"},
		"password, fair":        {"admin-password", "mauve0tter", "warning guessable"},
		"password, white space": {"admin-password", " " + soundToken, "warning white_space"},
		"password, one letter":  {"admin-password", "aaaaaaaaaaaaaaaaaaaaa", "error all_equal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := kindOf(t, test.kind).Check(test.text)
			if got := codesOf(list); got != test.codes {
				t.Errorf("found %q, want %q; strength %s", got, test.codes, secret.Strength(test.text))
			}
			for _, found := range list {
				if found.Message == "" || found.Fix == "" || repeats(found, []string{test.text}) {
					t.Errorf("%s says nothing, or not what to do, or repeats the text", found.Code)
				}
			}
		})
	}
}

// If a secret that can be guessed had a fingerprint, whoever reads a report could try texts until one has it.
func TestNoFingerprintOfWhatCanBeGuessed(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.Kinds() {
		for _, text := range []string{"", "hunter2", "OcmtProductionSecret2024!", "correct horse battery staple", strings.Repeat("ab", 32),
			strings.Repeat("0", 64), "change-me-to-a-long-random-token", soundToken[:12], " " + soundToken} {
			if kind.Fingerprint(text) != "" {
				t.Errorf("%s: a text of %d characters has a fingerprint", kind.Name, len(text))
			}
		}
		if kind.VersionSetting == "" && (kind.Fingerprint(soundToken) == "" || kind.Fingerprint(soundToken) == kind.Fingerprint(soundKey)) {
			t.Errorf("%s: a random text has no fingerprint, or that of another", kind.Name)
		}
	}
}

// chosen are texts of people: sentences, words without spaces, and columns and rows of a keyboard.
var chosen = []string{"To be or not to be 42", "TheQuickBrownFoxJumps1", "Wer nicht wagt der nicht gewinnt", "wer-nicht-wagt-2026-der-nicht-gewinnt",
	"Zaq12wsxCde34rfvBgt5", "!QAZ2wsx#EDC4rfv", "zaq1ZAQ!xsw2XSW@cde3", "DerFruehTauHatGoldImMund", "MyDogIsCalledRex2019!", "ichliebemeinefraumehralsalles",
	"OcmtAdmin!2026", "ocmt-admin-2026", "correcthorsebatterystaple", "aaaabbbbccccddddeeee", "QWERasdf!1234zxcv", "P4ssw0rd1s3cur3P4ssw0rd12",
	"TheQuickBrownFoxJumpsOverTheLazyDogAndTheCa", "TheQuickBrownFoxJumpsOverTheLazyDogAndTheCat1"}

// If a text that a person chose passed as random, its report would say that nobody can guess it, and its fingerprint
// would be what such texts are tried against.
func TestChosenTextsAreNotRandom(t *testing.T) {
	t.Parallel()
	for _, text := range chosen {
		if got := secret.Strength(text); got.Random {
			t.Errorf("%q passes as random, with %d bits", text, got.Bits)
		}
		for _, kind := range secret.Kinds() {
			if kind.Fingerprint(text) != "" {
				t.Errorf("%q has a fingerprint as %s", text, kind.Name)
			}
		}
	}
}

// If a token of a maker had no fingerprint, nobody could see whether two servers have the same.
func TestTokensOfMakersLookRandom(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"sk_live_", "whsec_", "re_", "GOCSPX-", "sk-ant-api03-"} {
		if text := prefix + soundToken[:32]; !secret.Strength(text).Random || kindOf(t, "stripe-secret-key").Fingerprint(text) == "" {
			t.Errorf("one with %q does not look random", prefix)
		}
	}
}

// If a secret of keygen passed for one of a person, it would have no fingerprint, and a change of it could not be taken up.
func TestGeneratedLookRandom(t *testing.T) {
	t.Parallel()
	for _, one := range generators() {
		for range 10_000 {
			text, err := one.generate(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if one.kind.VersionSetting == "" && !secret.Strength(text).Random {
				t.Fatalf("%s: one does not look random", one.name)
			}
		}
	}
}

// If strength were overstated, an operator would keep a secret that can be guessed.
func TestStrength(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		soundKey: "256 bits", soundToken: "256 bits", soundKey[:32]: "128 bits", strings.ToUpper(soundKey): "256 bits",
		"jC0fAP5kd77rMc6vTmM8fP30rXzE3L1wSzy6ieAG/E+=": "256 bits", soundToken[:24]: "142 bits",
		"": "very weak", "password": "very weak", "hunter2": "very weak", "change-me-to-a-long-random-token": "very weak",
		strings.Repeat("0", 64): "very weak", "CorrectHorseBatteryStaple": "good", "correct horse battery staple": "strong",
		"mauve0tter": "fair", "Tr0ub4dour&3": "weak",
	} {
		if got := secret.Strength(text).String(); got != want {
			t.Errorf("%q: %s (%d bits), want %s", text, got, secret.Strength(text).Bits, want)
		}
	}
	missed := 0
	for range 500 {
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			t.Fatal(err)
		}
		for text, least := range map[string]int{
			hex.EncodeToString(raw): 256, base64.StdEncoding.EncodeToString(raw): 256, base64.RawURLEncoding.EncodeToString(raw[:16]): 128,
			new(big.Int).SetBytes(raw).Text(36): 240,
		} {
			got := secret.Strength(text)
			if !got.Random && least != 256 {
				missed++
				continue
			}
			if !got.Random || got.Bits < least || got.Bits > 264 {
				t.Errorf("a random text of %d characters has %d bits, random %v; want %d", len(text), got.Bits, got.Random, least)
			}
		}
	}
	if missed > 4 { // by chance less than once in 10^8 times
		t.Errorf("%d of 1,000 random texts that keygen does not make do not look random", missed)
	}
}
