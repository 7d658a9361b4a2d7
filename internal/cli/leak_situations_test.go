package cli_test

import (
	"crypto/rand"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// situations are what an operator meets, good and bad.
func (l *leakTest) situations(t *testing.T) []situation {
	t.Helper()
	wrong, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l.marks.add("the wrong key", wrong.Reveal())
	current, older, escaped := l.keys[1].Reveal(), l.keys[0].Reveal(), url.QueryEscape(l.password)
	away := "postgresql://ocmt:" + escaped + "@127.0.0.1:1/ocmt"
	refused := strings.Replace(l.url, "postgres@/", "postgres:"+escaped+"@/no_", 1)
	settings := func(code int) map[string]int {
		return map[string]int{string(toSettings): code, string(toDatabase): code, string(toKeys): code}
	}
	fromDatabase := func(code int) map[string]int {
		return map[string]int{string(toDatabase): code, string(toKeys): code}
	}
	keys := func(engine, validate int) map[string]int {
		return map[string]int{string(toKeys): engine, string(toSettings): validate, "ocmt audit": 3}
	}
	unusable := keys(2, 3)
	unusable["ocmt status"], unusable["ocmt rotate status"] = 3, 3
	unfit := map[string]int{"ocmt audit": 3, "ocmt rotate": 5, "ocmt rotate rollback": 5, "ocmt migrate run": 5, "ocmt migrate plan": 3, "ocmt migrate verify": 3}
	unfit["ocmt rotate gateway-tokens"] = 4 // no token is understood, and each is left
	swapped := maps.Clone(unfit)
	swapped["ocmt audit"] = 0 // what it finds is not critical
	nowhere := map[string]int{string(toNothing): 2, string(toSettings): 2, string(toDatabase): 2, string(toKeys): 2}
	return []situation{
		{name: "sound"},
		{name: "damaged values", damaged: true, want: map[string]int{"ocmt audit": 3, "ocmt rotate rollback": 5, "ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "stop at damaged values", damaged: true, args: []string{"--on-error", "stop"}, only: movers, want: map[string]int{"ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "dry run over damaged values", damaged: true, args: []string{"--dry-run"}, only: movers, want: map[string]int{"ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "discovering", args: []string{"--discover", "--full"}, only: []string{"ocmt migrate columns"}},
		{name: "discovering in a table of its own", other: true, args: []string{"--discover"}, only: []string{"ocmt migrate columns"}, want: map[string]int{string(toDatabase): 3}},
		{name: "an unlisted table", other: true, only: slices.Concat(movers, []string{"ocmt migrate plan"}),
			want: map[string]int{"ocmt rotate": 5, "ocmt migrate run": 5, "ocmt migrate plan": 3}},
		{name: "keys in files", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": current + "\n"}},
		{name: "settings in an env file", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_V0=", "ENCRYPTION_KEY_VERSION="},
			files: map[string]string{".env": "ENCRYPTION_KEY=" + current + "\nENCRYPTION_KEY_VERSION=1\nexport ENCRYPTION_KEY_V0='" + older + "'\nOTHER=" + l.slip + "\n"}},

		{name: "a key in two places", environ: []string{"ENCRYPTION_KEY=" + wrong.Reveal()}, only: movers,
			files: map[string]string{".env": "ENCRYPTION_KEY=" + current + "\n"}, want: map[string]int{"ocmt rotate": 5, "ocmt migrate run": 5, "ocmt rotate rollback": 5}},
		{name: "wrong older key", environ: []string{"ENCRYPTION_KEY_V0=" + wrong.Reveal()}, want: unfit},
		{name: "swapped keys", environ: []string{"ENCRYPTION_KEY_V0=" + current, "ENCRYPTION_KEY=" + older}, want: swapped},
		{name: "one key twice", environ: []string{"ENCRYPTION_KEY_V0=" + current}, want: keys(2, 3)},
		{name: "two keys of one version", environ: []string{"ENCRYPTION_KEY_V1=" + wrong.Reveal()}, want: unusable},
		{name: "malformed key", environ: []string{"ENCRYPTION_KEY=" + l.slip}, want: unusable},
		{name: "malformed older key", environ: []string{"ENCRYPTION_KEY_V0=" + current[:63]}, want: unusable},
		{name: "key in place of a version", environ: []string{"ENCRYPTION_KEY_VERSION=" + current}, want: unusable},
		{name: "malformed key in a file", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": l.slip + "\n" + current}, want: unusable},
		{name: "key twice in two forms", environ: []string{"ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": current}, want: settings(2)},

		{name: "unreachable database", environ: []string{"DATABASE_URL=" + away}, want: fromDatabase(1)},
		{name: "unreachable database in libpq's form", environ: []string{"DATABASE_URL=host=127.0.0.1 port=1 user=ocmt dbname=ocmt password='" + l.slip + "'"}, want: fromDatabase(1)},
		{name: "refusing server", environ: []string{"DATABASE_URL=" + refused}, want: fromDatabase(1)},
		{name: "password not escaped", environ: []string{"DATABASE_URL=postgresql://ocmt:" + l.password + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "unknown address", environ: []string{"DATABASE_URL=mysql://ocmt:" + escaped + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "key as address", environ: []string{"DATABASE_URL=" + current}, want: fromDatabase(2)},
		{name: "password with a slash", environ: []string{"DATABASE_URL=postgresql://ocmt:1234/" + l.slip + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "key as the path of a key", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=" + current}, want: settings(2)},
		{name: "address as the path of an address", environ: []string{"DATABASE_URL=", "DATABASE_URL_FILE=" + away}, want: settings(2)},
		{name: "key as the number of a key", environ: []string{"ENCRYPTION_KEY_V" + older + "=x"}, want: keys(2, 3)},
		{name: "key as a table", args: []string{"--table", current}, only: movers, want: map[string]int{"ocmt rotate": 2, "ocmt migrate run": 2}},
		{name: "key as the path of a plan", args: []string{"--plan", current}, only: movers, want: map[string]int{"ocmt rotate": 2, "ocmt migrate run": 2}},
		{name: "a secret as a plan", args: []string{"--plan", "p"}, files: map[string]string{"p": l.slip}, only: movers, want: map[string]int{"ocmt rotate": 2, "ocmt migrate run": 2}},
		{name: "a plan in a file", args: []string{"--out", "p"}, only: []string{"ocmt migrate plan"}},
		{name: "key as a setting in ocmt.yaml", files: map[string]string{"ocmt.yaml": current + ": 1\n"}, want: settings(2)},
		{name: "unknown TLS mode", environ: []string{"DATABASE_URL=" + away + "?sslmode=" + l.slip}, want: fromDatabase(2)},

		{name: "secrets of other components", args: []string{"--component", "management", "--agent-env-file", "agent.env", "--admin-env-file", "admin.env", "--gateway-config", "gateway.json"},
			only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 3},
			files: map[string]string{".env": "CSRF_SECRET=" + older + "\nADMIN_PASSWORD=" + l.slip + "\nAGENT_SERVER_TOKEN=" + l.apiKey + "\nADMIN_TOKN=" + l.slip + "\n",
				"agent.env": "AUTH_TOKEN=" + older + "\nREDIS_URL=redis://:" + escaped + "@r\n", "admin.env": "ADMIN_TOKEN='" + l.slip + "'\n" + "X" + older + "=your-secret-token-here\n",
				"gateway.json": "{gateway: {auth: {token: '" + l.slip + "'}}}"}},
		{name: "secret in place of an env file of another component", args: []string{"--agent-env-file", "agent.env"}, files: map[string]string{"agent.env": l.slip},
			only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 2}},
		{name: "broken configuration of a gateway", args: []string{"--gateway-config", "gateway.json"}, files: map[string]string{"gateway.json": "{gateway: '" + l.slip},
			only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 1}},
		{name: "key as the path of a configuration", args: []string{"--gateway-config", current}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 2}},
		{name: "unreachable Redis", only: []string{"ocmt rotate redis-password"}, want: map[string]int{"ocmt rotate redis-password": 1},
			files: map[string]string{".env": "REDIS_URL=redis://:" + escaped + "@127.0.0.1:1/0\n"}},
		{name: "Redis without a port", only: []string{"ocmt rotate redis-password"}, files: map[string]string{".env": "REDIS_URL=\"redis://:" + l.slip + "@127.0.0.1\"\n"}},
		{name: "a password of Redis that is not escaped", only: []string{"ocmt rotate redis-password"}, files: map[string]string{".env": "REDIS_URL='redis://:" + l.password + "@127.0.0.1:1/0'\n"}},
		{name: "two addresses of Redis", only: []string{"ocmt rotate redis-password"}, files: map[string]string{".env": "REDIS_URL='redis://:" + escaped + "@127.0.0.1:1 redis://:" + escaped + "@127.0.0.1:2'\n"}},
		{name: "a change of the password of Redis that does not fit", only: []string{"ocmt rotate redis-password"}, want: map[string]int{"ocmt rotate redis-password": 5},
			files: map[string]string{".env": "REDIS_URL=redis://:" + escaped + "@127.0.0.1:1/0\nOCMT_PENDING_REDIS_PASSWORD=" + l.slip + "\nOCMT_PREVIOUS_REDIS_PASSWORD=" + l.apiKey + "\n"}},
		{name: "live", args: []string{"--live"}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 0}},
		{name: "live with a wrong older key", args: []string{"--live"}, environ: []string{"ENCRYPTION_KEY_V0=" + wrong.Reveal()}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 3}},
		{name: "live at servers that do not answer", args: []string{"--live", "--endpoint", "admin-ui=http://127.0.0.1:1"}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 1},
			environ: []string{"DATABASE_URL=" + away, "REDIS_URL=redis://:" + l.apiKey + "@127.0.0.1:1", "ADMIN_TOKEN=" + older[:32] + current[:32]}},
		{name: "live with addresses that are none", args: []string{"--live"}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 1},
			environ: []string{"DATABASE_URL=mysql://ocmt:" + escaped + "@127.0.0.1:1/ocmt", "REDIS_URL=http://:" + l.apiKey + "@127.0.0.1:1"}},
		{name: "live with a password in an endpoint", args: []string{"--live", "--endpoint", "agent=http://u:" + l.slip + "@127.0.0.1:1"}, only: []string{"ocmt validate"}, want: map[string]int{"ocmt validate": 2}},

		{name: "a token to change", only: []string{"ocmt rotate admin-token"}, files: map[string]string{"own.env": "ADMIN_TOKEN=" + older + "\n"}, want: map[string]int{string(toDatabase): 0}},
		{name: "a token of a gateway to change", only: []string{"ocmt rotate gateway-token"}, args: []string{"--gateway-config", "g.json"}, want: map[string]int{string(toDatabase): 0},
			files: map[string]string{"own.env": "OPENCLAW_GATEWAY_TOKEN=" + older + "\n", "g.json": "{gateway: {auth: {token: '" + older + "'}}}"}},
		{name: "a token of two sides to change", only: []string{"ocmt rotate agent-token"}, want: map[string]int{string(toDatabase): 0},
			files: map[string]string{"own.env": "AGENT_SERVER_TOKEN=" + older + "\n", "other.env": "AUTH_TOKEN=" + older + "\n"}},
		{name: "two sides that differ", only: []string{"ocmt rotate internal-admin-token"}, want: map[string]int{string(toDatabase): 5},
			files: map[string]string{"own.env": "INTERNAL_ADMIN_TOKEN=" + older + "\n", "other.env": "MANAGEMENT_API_TOKEN='" + l.slip + "'\n"}},
		{name: "broken file of a gateway to change", only: []string{"ocmt rotate gateway-token"}, args: []string{"--gateway-config", "g.json"}, want: map[string]int{string(toDatabase): 1},
			files: map[string]string{"own.env": "OPENCLAW_GATEWAY_TOKEN=" + older + "\n", "g.json": "{gateway: {auth: {token: '" + older}},

		{name: "unknown flag with a value", args: []string{"--bogus=" + l.slip}, want: nowhere},
		{name: "unknown flag", args: []string{"--" + l.slip}, want: nowhere},
		{name: "unknown short flag", args: []string{"-" + current}, want: nowhere},
		{name: "key as argument", args: []string{current}, want: nowhere},
		{name: "other secret as argument", args: []string{l.slip}, want: nowhere},

		{name: "broken env file", files: map[string]string{".env": "A=1\n" + l.slip + "\nB=2\n"}, want: settings(2)},
		{name: "unclosed quote in env file", files: map[string]string{".env": "ENCRYPTION_KEY_V0=\"" + older + "\nB=" + l.slip + "\n"}, want: settings(2)},
		{name: "key in env file without a name", files: map[string]string{".env": current + "\n"}, want: settings(2)},
		{name: "workers in env file", environ: []string{"OCMT_WORKERS="}, files: map[string]string{".env": "OCMT_WORKERS=" + l.slip + "\n"}, want: settings(2)},
		{name: "secret in ocmt.yaml", files: map[string]string{"ocmt.yaml": "encryption_key: " + current + "\n"}, want: settings(2)},
		{name: "address in ocmt.yaml", files: map[string]string{"ocmt.yaml": "database_url: '" + away + "'\n"}, want: settings(2)},
		{name: "secret under an unknown name in ocmt.yaml", files: map[string]string{"ocmt.yaml": "wokers: " + current + "\n"}, want: settings(2)},
		{name: "secret as a limit in ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: " + current + "\n"}, want: settings(2)},
		{name: "secret as a list in ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: [" + current + "]\n"}, want: settings(2)},
		{name: "secret beside a column in ocmt.yaml", files: map[string]string{"ocmt.yaml": "columns:\n  - {table: t, key: id, column: c, password: " + current + "}\n"}, want: settings(2)},
		{name: "env file as ocmt.yaml", files: map[string]string{"ocmt.yaml": "ENCRYPTION_KEY=" + current + "\nOTHER=" + l.slip + "\n"}, want: settings(2)},
		{name: "broken ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: '" + current + "\n  - " + l.slip + "\n"}, want: settings(2)},
		{name: "secret as a limit in the environment", environ: []string{"OCMT_LOCK_TIMEOUT=" + current}, want: settings(2)},
	}
}

// slips give every flag that takes a value a secret for it.
func (l *leakTest) slips(flags []string) []situation {
	var list []situation
	for _, flag := range flags {
		if slices.Contains(namingFlags, flag) {
			continue
		}
		for _, value := range []string{l.keys[1].Reveal(), l.slip} {
			list = append(list, situation{name: "secret as value of --" + flag, args: []string{"--" + flag, value}, refused: true})
		}
	}
	return list
}
