package rowkey_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/rowkey"
)

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
	base32s = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// grouped returns a text in groups of some characters.
func grouped(text, separator string, size int) string {
	var groups []string
	for ; len(text) > size; text = text[size:] {
		groups = append(groups, text[:size])
	}
	return strings.Join(append(groups, text), separator)
}

// If this fails, a secret that names a row stands on a terminal, in a record or in a pipeline's log. Every kind was tried
// with a thousand random ones.
func TestRandomSecretsAreHidden(t *testing.T) {
	t.Parallel()
	var random *rand.Rand
	pick := func(from string, n int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = from[random.IntN(len(from))]
		}
		return string(text)
	}
	bytesOf := func(n int) []byte { return []byte(pick(string(allBytes()), n)) }
	password := func(from string) func() string {
		return func() string { return pick(from, 12+random.IntN(5)) }
	}
	for kind, make := range map[string]func() string{
		"an access key of AWS":          func() string { return "AKIA" + pick(base32s, 16) },
		"a passing access key of AWS":   func() string { return "ASIA" + pick(base32s, 16) },
		"a TOTP secret":                 func() string { return pick(base32s, 16) },
		"a long TOTP secret":            func() string { return pick(base32s, 32) },
		"a TOTP secret in groups":       func() string { return grouped(pick(base32s, 16), " ", 4) },
		"a TOTP secret in small groups": func() string { return strings.ToLower(grouped(pick(base32s, 16), "-", 4)) },
		"20 bytes in Base32":            func() string { return base32.StdEncoding.EncodeToString(bytesOf(20)) },
		"hex":                           func() string { return hex.EncodeToString(bytesOf(16)) },
		"hex of 32 bytes":               func() string { return hex.EncodeToString(bytesOf(32)) },
		"hex with colons":               func() string { return grouped(hex.EncodeToString(bytesOf(16)), ":", 2) },
		"short hex with colons":         func() string { return grouped(hex.EncodeToString(bytesOf(8)), ":", 2) },
		"hex in groups":                 func() string { return grouped(hex.EncodeToString(bytesOf(16)), "-", 4) },
		"capital hex in groups":         func() string { return strings.ToUpper(grouped(hex.EncodeToString(bytesOf(16)), " ", 8)) },
		"Base64 of 16 bytes":            func() string { return base64.StdEncoding.EncodeToString(bytesOf(16)) },
		"Base64 of 32 bytes":            func() string { return base64.StdEncoding.EncodeToString(bytesOf(32)) },
		"Base64 for addresses":          func() string { return base64.RawURLEncoding.EncodeToString(bytesOf(24)) },
		"a token of Slack": func() string {
			return "xoxb-" + pick(digits, 12) + "-" + pick(digits, 12) + "-" + pick(letters+digits, 24)
		},
		"a key of OpenAI":                  func() string { return "sk-proj-" + pick(letters+digits, 48) },
		"a live key":                       func() string { return "opw_live_" + pick(lower+digits, 24) },
		"a token of GitHub":                func() string { return "ghp_" + pick(letters+digits, 36) },
		"a token of GitLab":                func() string { return "glpat-" + pick(letters+digits+"-_", 20) },
		"a key of Google":                  func() string { return "AIza" + pick(letters+digits+"-_", 35) },
		"a token of Google":                func() string { return "ya29." + pick(letters+digits+"-_", 60) },
		"a JWT":                            func() string { return "eyJ" + pick(letters+digits, 30) + "." + pick(letters+digits, 40) },
		"a nanoid":                         func() string { return pick(letters+digits+"-_", 21) },
		"a password of letters and digits": password(letters + digits),
		"a password of all characters":     password(letters + digits + "!#$%&()*+,-./:;<=>?[]^_{|}~"),
		"a password of letters":            password(letters),
		"a password of small letters":      password(lower),
		"a word and random small letters":  func() string { return "api-key-" + pick(lower, 12) },
		"a word and random digits":         func() string { return "password" + pick(digits, 8) },
	} {
		shown := 0
		random = rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			if !rowkey.IsHidden("id", make()) {
				shown++
			}
		}
		if shown > 0 {
			t.Errorf("%s: %d of 1000 are shown", kind, shown)
		}
	}
	for _, chosen := range []string{"correct-horse-battery-staple", "Sommerhaus2024", "hunter2hunter2", "P@ssw0rd!", "iloveyou1234", "ann@example.org"} {
		if !rowkey.IsHidden("id", chosen) {
			t.Errorf("%q is shown", chosen)
		}
	}
}

func allBytes() (all []byte) {
	for b := range 256 {
		all = append(all, byte(b))
	}
	return all
}

// If this fails, an operator reads a digest where the name of the row would tell at once which one it is.
func TestHarmlessKeysAreShown(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"1", "42", "-7", "1024", "9007199254740993", "9223372036854775807", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000",
		"2024-05-17", "2024-05-17 13:04:05", "2024-05-17 13:04:05.123456+00", "2024-05-17T13:04:05Z",
		"A", "k12", "user42", "ann", "row-7", "k 12", "ünï cödé", "en-US", "eu_1", "t", "default", "日本語", "", "Ann",
		"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "XAI_API_KEY", "OPENROUTER_API_KEY",
		"DEEPSEEK_API_KEY", "COHERE_API_KEY", "ELEVENLABS_API_KEY", "HF_TOKEN", "HUGGINGFACE_HUB_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_BEDROCK_REGION", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY_2", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "GITHUB_CLIENT_SECRET",
		"GITHUB_OAUTH_CLIENT_ID", "STRIPE_WEBHOOK_SECRET", "TWILIO_AUTH_TOKEN", "SENDGRID_API_KEY", "DATABASE_URL_REPLICA_SERVER", "SMTP_PASSWORD",
		"SENTRY_DSN_BACKEND", "MYCORP_WEBHOOK_SECRET", "KAGI_SEARCH_API_KEY", "OCMT_ADMIN_TOKEN", "openai_api_key", "openaiApiKey", "OpenaiKey", "provider/openai.key",
		"slack-webhook-production", "user_integrations", "acme-corp-production", "team:42:settings", "secret_row_00042", "user-1234", "customer-00017",
	} {
		if rowkey.IsHidden("key", key) {
			t.Errorf("%q is hidden", key)
		}
	}
}
