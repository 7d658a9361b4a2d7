package audit_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// encFault is one fault that is planted, and what is to be found.
type encFault struct {
	name     string
	plant    func(*encDatabase)
	check    string
	severity audit.Severity
	count    int64
	cause    string // a part of it
	place    string // a part of the first place
	besides  []string
}

// zeroIV is the IV of a broken random source.
var zeroIV = make([]byte, crypto.IVSize)

var encFaults = []encFault{
	{name: "a changed value", check: "001", severity: audit.Critical, count: 2, cause: "public.secrets.value_encrypted, version 1", place: "public.secrets key A",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			for _, name := range []string{"B", "A"} {
				c := d.seal(1, "sk-changed")
				c.Body[0] ^= 1
				d.secret(name, c.String())
			}
		}},
	{name: "a changed value with the IV of copies", check: "001", severity: audit.Critical, count: 1, cause: "public.secrets.value_encrypted, version 1", place: "public.secrets key CHANGED",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			copied := d.sealWith(zeroIV, "sk-copied")
			d.secret("COPY", copied)
			d.secret("COPY OF IT", copied)
			d.secret("CHANGED", copied[:len(copied)-4]+"AAA=")
		}},
	{name: "a value that was cut", check: "001", severity: audit.Critical, count: 1, cause: "public.secrets.value_encrypted, damaged", place: "public.secrets key CUT",
		besides: []string{"007"}, plant: func(d *encDatabase) { d.secret("CUT", d.seal(1, "sk-cut").String()[:40]) }},
	{name: "a token that was cut", check: "001", severity: audit.Critical, count: 1, cause: "public.users.gateway_token, damaged", place: "public.users id ",
		besides: []string{"007"}, plant: func(d *encDatabase) { d.user(d.seal(1, "token").String()[:40]) }},
	{name: "the key of another version", check: "002", severity: audit.High, count: 1, cause: "values labelled version 1", place: "public.secrets key OTHER",
		plant: func(d *encDatabase) {
			c := d.seal(0, "sk-other")
			c.Version = 1
			d.secret("OTHER", c.String())
		}},
	{name: "the key of the same version before", check: "002", severity: audit.High, count: 1, cause: "values labelled version 1", place: "public.secrets key BEFORE",
		besides: []string{"010"}, plant: func(d *encDatabase) {
			d.keys[1] = newEncKey(d.t)
			d.settings["ENCRYPTION_KEY_V1"] = d.keys[1].Reveal()
			d.secret("BEFORE", d.seal(1, "sk-before").String())
		}},
	{name: "a version without a key", check: "003", severity: audit.Critical, count: 2, cause: "version 0", place: "public.users id ",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			delete(d.settings, "ENCRYPTION_KEY_V0")
			d.secret("RETIRED", d.seal(0, "sk-retired").String())
			d.user(d.seal(0, "token").String())
		}},
	{name: "a version above the current one", check: "004", severity: audit.High, count: 1, cause: "version 2", place: "public.secrets key NEWER",
		besides: []string{"010"}, plant: func(d *encDatabase) {
			d.keys[2] = newEncKey(d.t)
			d.settings["ENCRYPTION_KEY_V2"] = d.keys[2].Reveal()
			d.secret("NEWER", d.seal(2, "sk-newer").String())
		}},
	{name: "a version above the current one without a key", check: "004", severity: audit.Critical, count: 1, cause: "version 7", place: "public.secrets key NEWER",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			d.keys[7] = newEncKey(d.t)
			d.secret("NEWER", d.seal(7, "sk-newer").String())
		}},
	{name: "a label that is no number", check: "004", severity: audit.High, count: 2, cause: "labels without a version", place: "public.secrets key NAN",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			_, rest, _ := strings.Cut(d.seal(1, "sk-nan").String(), ":")
			d.secret("NAN", "v:"+rest)
			d.secret("NEGATIVE", "v-1:"+rest)
		}},
	{name: "an older version", check: "005", severity: audit.Medium, count: 2, cause: "version 0", place: "public.users.gateway_token: 1 value",
		plant: func(d *encDatabase) {
			d.secret("OLDER", d.seal(0, "sk-older").String())
			d.user(d.seal(0, "token").String())
		}},
	{name: "plaintext", check: "006", severity: audit.High, count: 2, cause: "public.secrets.value_encrypted", place: "public.secrets key PLAIN",
		plant: func(d *encDatabase) {
			d.secret("PLAIN", "sk-plain")
			d.secret("URL", `{"a":"https://a:b@example.org"}`)
		}},
	{name: "one IV twice", check: "007", severity: audit.Critical, count: 3, cause: "ENCRYPTION_KEY", place: "public.users id ",
		plant: func(d *encDatabase) {
			d.secret("ONE", d.sealWith(zeroIV, "sk-one"))
			d.secret("TWO", d.sealWith(zeroIV, "sk-two"))
			d.user(d.sealWith(zeroIV, "three"))
		}},
	{name: "short tags", check: "008", severity: audit.High, count: 2, cause: "public.secrets.value_encrypted", place: "public.secrets key FOUR",
		plant: func(d *encDatabase) {
			for name, length := range map[string]int{"FOUR": 4, "TWELVE": 12} {
				c := d.seal(1, "sk-short")
				c.Tag = c.Tag[:length]
				d.secret(name, c.String())
			}
		}},
	{name: "a short tag that is wrong", check: "001", severity: audit.Critical, count: 1, cause: "public.secrets.value_encrypted, version 1", place: "public.secrets key WRONG",
		besides: []string{"007"}, plant: func(d *encDatabase) {
			c := d.seal(1, "sk-short")
			c.Tag = c.Tag[:12]
			c.Tag[0] ^= 1
			d.secret("WRONG", c.String())
		}},
	{name: "lenient forms", check: "009", severity: audit.Low, count: 4, cause: "public.secrets.value_encrypted", place: "public.secrets key LETTERS",
		plant: func(d *encDatabase) {
			text := d.seal(1, "sk-lenient!").String()
			d.secret("ZERO", "v0"+text[1:])
			d.secret("LETTERS", "v1abc"+text[2:])
			d.secret("LINE", text+"\n")
			d.secret("PADDING", strings.ReplaceAll(text, "=", ""))
		}},
	{name: "an example", check: "010", severity: audit.Critical, count: 1, cause: "ENCRYPTION_KEY_V0", place: ".env",
		plant: func(d *encDatabase) {
			d.settings["ENCRYPTION_KEY_V0"] = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"
		}},
	{name: "one key under two versions", check: "010", severity: audit.Critical, count: 1, cause: "ENCRYPTION_KEY_V0", place: ".env",
		plant: func(d *encDatabase) {
			d.settings["ENCRYPTION_KEY_V0"] = strings.ToUpper(d.keys[1].Reveal())
			c := d.seal(1, "sk-same")
			c.Version = 0
			d.exec("update secrets set value_encrypted = $1", c.String())
		}, besides: []string{"005"}},
	{name: "a key that is another secret too", check: "010", severity: audit.Critical, count: 1, cause: "ENCRYPTION_KEY", place: ".env",
		plant: func(d *encDatabase) { d.settings["AUTH_TOKEN"] = d.keys[1].Reveal() }},
	{name: "a column that nothing lists", check: "011", severity: audit.Medium, count: 1, cause: "public.plugins.config", place: "public.plugins.config",
		plant: func(d *encDatabase) {
			d.exec("create table plugins (id serial primary key, config text)")
			d.exec("insert into plugins (config) values ($1), ('v1:a:b:c')", d.seal(1, "sk-plugin").String())
		}},
	{name: "a table beside the one that replaced it", check: "011", severity: audit.Medium, count: 1, cause: "public.org_resources", place: "public.org_resources.auth_config_encrypted",
		plant: func(d *encDatabase) {
			d.exec("create table org_resources (like group_resources including all)")
			d.exec("insert into org_resources (name, auth_config_encrypted) values ('a', $1)", d.seal(1, "sk-twin").String())
		}},
	{name: "an unknown token", check: "013", severity: audit.Medium, count: 1, cause: "public.users.gateway_token, unknown", place: "public.users id ",
		plant: func(d *encDatabase) { d.user("unknown") }},
	{name: "the token of the gateway", check: "013", severity: audit.High, count: 1, cause: "OPENCLAW_GATEWAY_TOKEN", place: "public.users id ",
		plant: func(d *encDatabase) {
			d.settings["OPENCLAW_GATEWAY_TOKEN"] = strings.Repeat("0f1e", 16)
			d.user(d.settings["OPENCLAW_GATEWAY_TOKEN"])
		}},
	{name: "a token in the clear", check: "013", severity: audit.Info, count: 1, cause: "public.users.gateway_token, in the clear", place: "public.users id ",
		plant: func(d *encDatabase) { d.user(hex.EncodeToString(zeroIV)) }},
}

// If this fails, an operator is told of a fault that is not there, or is not told of one that is, or is
// told twice.
func TestEncryptionFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range encFaults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			d := newEncDatabase(t)
			d.sound()
			fault.plant(d)
			for id, result := range d.run(d.url) {
				switch {
				case id == fault.check:
					fault.compare(t, result)
				case slices.Contains(fault.besides, id):
					if id == "007" && len(result.Findings) > 0 {
						t.Errorf("a value that no key opens is compared: %+v", result.Findings)
					}
				case result.Outcome != audit.Pass:
					t.Errorf("OCMT-ENC-%s is %s as well: %+v %+v", id, result.Outcome, result.Findings, result.Gaps)
				}
			}
		})
	}
}

func (f encFault) compare(t *testing.T, result audit.Result) {
	t.Helper()
	if len(result.Findings) != 1 {
		t.Fatalf("found %d: %+v, gaps %+v", len(result.Findings), result.Findings, result.Gaps)
	}
	found := result.Findings[0]
	if found.Severity != f.severity || found.Count != f.count || !strings.Contains(found.Cause, f.cause) || len(found.Places) == 0 || !strings.Contains(found.Places[0], f.place) {
		t.Errorf("found %+v", found)
	}
	if found.Message == "" || found.Expected == "" || found.Fix == "" {
		t.Errorf("%s says too little: %+v", found.Check, found)
	}
}

// If this fails, a sound deployment has findings, and nobody reads the next report.
func TestEncryptionOfASoundDeployment(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	// A copy of a value has its IV, and two keys may have used one.
	copied := d.sealWith(zeroIV, "sk-copied")
	d.secret("COPY", copied)
	d.secret("COPY OF IT", copied)
	for id, result := range d.run(d.url) {
		if result.Outcome != audit.Pass || result.Looked == "" {
			t.Errorf("OCMT-ENC-%s is %s (looked at %q): %+v %+v", id, result.Outcome, result.Looked, result.Findings, result.Gaps)
		}
	}
}

// If this fails, the counts or places of a report depend on which worker came first, or a broken random
// source is not counted to its end. The bound puts the hashes into a file.
func TestEncryptionOfManyValues(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.options.MaxHashes = 200
	for n := range 3000 {
		iv := fmt.Appendf(nil, "%016d", n%1000)
		d.secret(fmt.Sprintf("KEY %04d", n), d.sealWith(iv, fmt.Sprint("sk-", n)))
	}
	d.exec("insert into secrets (key, value_encrypted) select 'PLAIN ' || lpad(n::text, 4, '0'), 'sk-plain' from generate_series(0, 1999) n")
	for n := range 15 {
		d.secret(fmt.Sprintf("OLD %02d", n), d.seal(0, fmt.Sprint("sk-old-", n)).String())
	}
	results := d.run(d.url)
	repeats, plain, old := results["007"].Findings, results["006"].Findings, results["005"].Findings
	if len(repeats) != 1 || repeats[0].Count != 3000 || len(repeats[0].Places) != audit.MaxPlaces || repeats[0].Actual != "1000 IVs in 3000 values" {
		t.Errorf("found %+v", repeats)
	}
	if len(plain) != 1 || plain[0].Count != 2000 || len(plain[0].Places) != audit.MaxPlaces || plain[0].Places[9] != "public.secrets key PLAIN 0009" || plain[0].PlacesLeft != 1990 {
		t.Errorf("found %+v", plain)
	}
	// The place is a column, and none is left out.
	if len(old) != 1 || old[0].Count != 15 || len(old[0].Places) != 1 || old[0].PlacesLeft != 0 {
		t.Errorf("found %+v", old)
	}
}

// If this fails, what the server opens is told to be lost, or what it does not open is told to be sound.
func TestEncryptionOfOddForms(t *testing.T) {
	t.Parallel()
	vectors := readVectors(t)
	d := newEncDatabase(t)
	d.settings = encSettings{"ENCRYPTION_KEY_VERSION": "12"}
	for _, version := range []string{"0", "1", "2"} { // the server had these, and version 12
		d.settings["ENCRYPTION_KEY_V"+version] = vectors.Keys[version]
	}
	d.settings["ENCRYPTION_KEY"] = vectors.Keys["12"]
	d.keys = nil
	unopened := []string{"001", "002", "003", "004", "006"}
	for _, odd := range vectors.Odd {
		d.exec("truncate secrets")
		d.secret("ODD", odd.Ciphertext)
		results := d.run(d.url, "ENC-001", "ENC-002", "ENC-003", "ENC-004", "ENC-006", "ENC-008", "ENC-009")
		told := slices.ContainsFunc(unopened, func(id string) bool { return len(results[id].Findings) > 0 })
		if told != (odd.Server == "throws") {
			t.Errorf("%s: the server %s, and this was told: %v", odd.Name, odd.Server, foundIn(results))
		}
	}
}

// busyReader reads a database whose server has counted many writes.
type busyReader struct {
	audit.ValueReader
	writes int64
}

func (r busyReader) Writes(_ context.Context, tables []audit.ValueTable) ([]int64, error) {
	writes := make([]int64, len(tables))
	writes[0] = r.writes
	return writes, nil
}

// If this fails, a key is used until random IVs repeat.
func TestEncryptionCountsUses(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	looked := d.run(d.url, "ENC-012")["012"].Looked
	if !strings.HasPrefix(looked, "version 1 has sealed at least 3 values, and at most ") {
		t.Errorf("it says %q", looked)
	}
	for writes, severity := range map[int64]audit.Severity{1 << 31: 0, 1<<31 + 1: audit.Medium, 1 << 32: audit.Medium, 1<<32 + 1: audit.High} {
		d.reader = func(r audit.ValueReader) audit.ValueReader { return busyReader{r, writes} }
		result := d.run(d.url, "ENC-012")["012"]
		switch {
		case severity == 0 && result.Outcome != audit.Pass:
			t.Errorf("after %d writes, it is %s", writes, result.Outcome)
		case severity != 0 && (len(result.Findings) != 1 || result.Findings[0].Severity != severity):
			t.Errorf("after %d writes, found %+v", writes, result.Findings)
		}
	}
}

// If this fails, every check reads the values for itself, and an audit of a large database takes hours.
func TestEncryptionReadsValuesOnce(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	d.sound()
	reads := map[string]int{}
	d.reader = func(r audit.ValueReader) audit.ValueReader { return countingReader{r, reads} }
	d.run(d.url)
	for table, count := range reads {
		if count != 1 {
			t.Errorf("%s was read %d times", table, count)
		}
	}
	if len(reads) == 0 {
		t.Error("nothing was read")
	}
	d.secret("ONE", d.sealWith(zeroIV, "sk-one"))
	d.secret("TWO", d.sealWith(zeroIV, "sk-two"))
	clear(reads)
	d.run(d.url)
	if reads["public.secrets"] != 2 {
		t.Errorf("with a repeated IV, the table was read %d times", reads["public.secrets"])
	}
}

// countingReader counts how often a table is read.
type countingReader struct {
	audit.ValueReader
	reads map[string]int
}

func (r countingReader) ReadValues(ctx context.Context, table audit.ValueTable, visit func(audit.ValueRow) error) error {
	r.reads[table.String()]++
	return r.ValueReader.ReadValues(ctx, table, visit)
}

// foundIn returns the checks with findings.
func foundIn(results map[string]audit.Result) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(results)) {
		if len(results[id].Findings) > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// If this fails, the key of a row that is itself a token is shown.
func TestEncryptionHidesKeysThatCouldBeSecrets(t *testing.T) {
	t.Parallel()
	d := newEncDatabase(t)
	token := base64.StdEncoding.EncodeToString([]byte("0x9fA3kk2PpQz81LmNvB7sT4"))
	d.secret(token, "sk-plain")
	found := d.run(d.url, "ENC-006")["006"].Findings
	if len(found) != 1 || found[0].Places[0] != "public.secrets key sha256:aea6c9d2afd6efce" {
		t.Errorf("found %+v", found)
	}
}
