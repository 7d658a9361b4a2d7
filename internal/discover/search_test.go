package discover_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// sealedPair is one plaintext under version 0, in both forms.
func sealedPair(t *testing.T, ring *crypto.Keyring) (versioned, legacy string) {
	t.Helper()
	older, err := ring.WithCurrent(0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := older.Seal([]byte("MARKED secret of another column: / + = ???>>>"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	versioned = c.String()
	c.Format = crypto.Legacy
	return versioned, c.String()
}

// sealShort returns a ciphertext that is short enough for a name.
func sealShort(t *testing.T, ring *crypto.Keyring) string {
	t.Helper()
	older, err := ring.WithCurrent(0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := older.Seal([]byte("MARK"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}

// search looks through the database, by sample or in full.
func search(t *testing.T, d *database, ring *crypto.Keyring, full bool) *discover.Report {
	t.Helper()
	ctx := context.Background()
	request := discover.Request{Catalogue: ocmt.Catalogue(), Known: ocmt.KnownColumns(), Depth: discover.Sample, Labels: []int{0, 1, 202401}}
	if full {
		request.Depth, request.Workers = discover.Full, 2
	}
	found, err := discover.Search(ctx, pgdiscover.New(d.db), ring, request, silent{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func names(finds []discover.Find) []string {
	list := []string{}
	for _, find := range finds {
		list = append(list, find.String())
	}
	return list
}

// hiding lists the ways in which a column can contain a value. The statement gets the value in
// its versioned and its legacy form.
var hiding = map[string]struct{ column, value string }{
	"text":               {"text", "$1"},
	"older form":         {"text", "$2"},
	"older form, upper":  {"text", "upper($2)"},
	"text, line end":     {"text", "$1 || E'\\n'"},
	"text, spaces":       {"text", "'  ' || $1 || ' '"},
	"odd label":          {"text", "replace($1, 'v0:', 'v00:')"},
	"other alphabet":     {"text", "rtrim(translate($1, '+/', '-_'), '=')"},
	"varchar":            {"varchar(300)", "$1"},
	"char":               {"char(300)", "$1"},
	"domain":             {"a_text", "$1"},
	"domain of domain":   {"b_text", "$1"},
	"bytea":              {"bytea", "convert_to($1, 'UTF8')"},
	"bytea, older":       {"bytea", "convert_to($2, 'UTF8')"},
	"bytea with JSON":    {"bytea", "convert_to(json_build_object('a', $1::text)::text, 'UTF8')"},
	"domain of bytea":    {"a_bytes", "convert_to($1, 'UTF8')"},
	"json":               {"json", "json_build_object('a', $1::text)"},
	"json, escaped":      {"json", `replace(replace(replace(json_build_object('a', $1::text)::text, '/', '\/'), '=', '\u003d'), '+', '\u002B')::json`},
	"json, alone":        {"json", "to_json($1::text)"},
	"json, twice a name": {"json", `('{"a": ' || to_json($1::text) || ', "a": 1}')::json`},
	"jsonb":              {"jsonb", "jsonb_build_object('a', $1::text)"},
	"jsonb, deep":        {"jsonb", "jsonb_build_array(1, jsonb_build_object('a', jsonb_build_array(null, jsonb_build_object('b', $2::text))))"},
	"jsonb, as text":     {"jsonb", "jsonb_build_object('a', jsonb_build_object('b', $1::text)::text)"},
	"domain of jsonb":    {"a_json", "jsonb_build_object('a', $1::text)"},
	"text with JSON":     {"text", "jsonb_build_object('a', $1::text)::text"},
	"text[]":             {"text[]", "array['x', null, $1]"},
	"text[][]":           {"text[][]", "array[array['x', 'y'], array[$1, 'z']]"},
	"varchar[]":          {"varchar(300)[]", "array[$1]"},
	"jsonb[]":            {"jsonb[]", "array[jsonb_build_object('a', $1::text)]"},
	"bytea[]":            {"bytea[]", "array[convert_to($1, 'UTF8')]"},
	"domain of text[]":   {"some_texts", "array[$1]"},
	"xml":                {"xml", "xmlelement(name a, $1::text)"},
	"composite":          {"a_pair", "row(3, $2)::a_pair"},
	"composite[]":        {"a_pair[]", "array[row(3, $1)::a_pair]"},
	"domain of it":       {"some_pair", "row(3, $1)::a_pair"},
	"not deterministic":  {"text collate ci", "$1"},
	"array of these":     {"text[] collate ci", "array[$1]"},
	"array of domain":    {"a_text[]", "array[$1::a_text]"},
	"name":               {"name", "$3::name"},
	"name[]":             {"name[]", "array[$3::name]"},
	"range":              {"a_range", "a_range($1, $1 || 'z', '[]')"},
	"multirange":         {"a_multirange", "a_multirange(a_range('a', 'b'), a_range($1, $1 || 'z'))"},
	"enum":               {"a_label", "$3::a_label"},
	"jsonpath":           {"jsonpath", `('$."' || $1 || '"')::jsonpath`},
	"tsvector":           {"tsvector", `('''' || $1 || '''')::tsvector`},
	"hstore":             {"hstore", "hstore('a', $1)"},
	"name of hstore":     {"hstore", "hstore($1, 'a')"},
	"bytes in composite": {"a_blob", "row(3, convert_to($1, 'UTF8'))::a_blob"},
	"older, so":          {"a_blob", "row(3, convert_to($2, 'UTF8'))::a_blob"},
	"JSON, so":           {"a_blob", "row(3, convert_to(json_build_object('a', $1::text)::text, 'UTF8'))::a_blob"},
	"array in composite": {"a_blobs", "row(array[convert_to($1, 'UTF8')])::a_blobs"},
	"XML by numbers":     {"xml", "('<a>' || replace(replace($1, ':', '&#58;'), '+', '&#x2b;') || '</a>')::xml"},
	"name in json":       {"json", "json_build_object($1::text, 1)"},
	"name in jsonb":      {"jsonb", "jsonb_build_array(jsonb_build_object($2::text, null))"},
	"name in text":       {"text", "json_build_object($1::text, 1)::text"},
	"json, by numbers":   {"json", `('{"a": "' || replace($1, ':', '\u003a') || '"}')::json`},
	"text, by numbers":   {"text", `'["' || replace(replace($1, ':', '\u003A'), 'v', '\u0076') || '"]'`},
	"bytea, by numbers":  {"bytea", `convert_to('["' || replace($1, 'v0', '\u0076\u0030') || '"]', 'UTF8')`},
	"list of lists":      {"some_texts[]", "array[array[$1]::some_texts]"},
	"JSON with NaN":      {"text", `'{"score": NaN, "k": "' || $1 || '"}'`},
	"bytes with NaN":     {"bytea", `convert_to('{"score": NaN, "k": "' || $1 || '"}', 'UTF8')`},
	"mark before JSON":   {"text", `E'\ufeff{"k": "' || $1 || '"}'`},
	"mark before bytes":  {"bytea", `convert_to(E'\ufeff{"k": "' || $1 || '"}', 'UTF8')`},
	"mark before it":     {"text", `E'\ufeff' || $1`},
	"space of no break":  {"text", `E'\u00a0' || $1`},
	"form feed in jsonb": {"jsonb", `jsonb_build_object('a', E'\f' || $1)`},
	"line break within":  {"text", `left($1, 70) || E'\r\n' || substr($1, 71)`},
	"long label":         {"jsonb", "jsonb_build_object('a', replace($1, 'v0:', 'v000000:'))"},
	"jsonb, very deep":   {"jsonb", "to_jsonb(to_json(to_json(to_json(to_json(to_json(to_json($1::text)::text)::text)::text)::text)::text)::text)"},
}

// If this fails, an operator retires the old key while values under it stand in
// a column that nobody looked at, and they are lost.
func TestDiscoversEveryKindOfColumn(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	d.exec(`create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		create type a_pair as (n int, v text); create domain some_pair as a_pair; create extension hstore;
		create type a_blob as (n int, b bytea); create type a_blobs as (b bytea[]); create type a_range as range (subtype = text, multirange_type_name = a_multirange);
		create domain a_text as text check (length(value) > 3); create domain b_text as a_text;
		create domain a_bytes as bytea; create domain a_json as jsonb; create domain some_texts as text[]`)
	versioned, legacy := sealedPair(t, ring)
	short := sealShort(t, ring)
	d.exec("create type a_label as enum ('a', '" + short + "')")
	want := map[string]string{}
	for name, way := range hiding {
		table := fmt.Sprintf("t%02d", len(want))
		want[table] = name
		d.exec("create table " + table + " (id int primary key, v " + way.column + ")")
		d.exec("insert into "+table+" select 7, "+way.value+" from (select $1::text, $2::text, $3::text) as given", versioned, legacy, short)
		d.exec("insert into " + table + " values (8, null)")
	}
	for _, full := range []bool{false, true} {
		found := search(t, d, ring, full)
		for _, find := range found.Unlisted {
			name := want[find.Table]
			if find.Column != "v" || find.Values != 1 || find.LookedAt != 1 || find.Key != "7" || find.Opened != 1 ||
				!slices.Equal(find.OpenedBy, []int{0}) || find.Versions[0] != 1 || len(find.Versions) != 1 {
				t.Errorf("%s: %+v", name, find)
			}
			column := hiding[name].column
			plain := column == "text" || column == "text collate ci" || column == "varchar(300)"
			contained := name == "text with JSON" || name == "name in text" || name == "text, by numbers" || name == "JSON with NaN" || name == "mark before JSON"
			if find.Movable != (plain && !contained) {
				t.Errorf("%s: movable is %v", name, find.Movable)
			}
		}
		if len(found.Unlisted) != len(want) || len(found.Unread) != 0 || len(found.Known) != 0 {
			for table, name := range want {
				if !slices.Contains(names(found.Unlisted), "public."+table+".v") {
					t.Errorf("full %v: %s is not found", full, name)
				}
			}
			t.Errorf("full %v: not read %v, known %v", full, found.Unread, found.Known)
		}
		if text, err := json.Marshal(found); err != nil || strings.Contains(string(text), versioned[:30]) || strings.Contains(string(text), "MARKED") {
			t.Errorf("the result holds a value, or cannot be written: %v", err)
		}
	}
}

// If this fails, operators switch off a search that reports values which are none, or list a
// column under known together with the secrets in it.
func TestDiscoversNothingWhereNothingIs(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, legacy := sealedPair(t, ring)
	d.exec("create table notes (id int primary key, t text, j jsonb, b bytea, a text[])")
	for i, text := range []string{"", "v0", "v0:a:b:c", "v1:::", "12:34:56", "a:b:c", "{", "[", `"`, `{"a": "v0:`, "[1, 2", "see " + versioned, versioned + " and more",
		versioned[3:], "v" + legacy, strings.Repeat("ab", 6) + ":" + legacy[33:], strings.Repeat("a", 32) + ":" + strings.Repeat("b", 32), `{"\u003a": 1}`,
		"v0:" + strings.Repeat("A", 24) + ":" + strings.Repeat("A", 24) + ":AAAA", "é\x01\u202e"} {
		d.exec("insert into notes values ($1, $2, jsonb_build_object($2 || 'x', $2 || '?'), convert_to($2, 'UTF8'), array[$2])", i, strings.TrimSuffix(text, "-"))
	}
	d.exec("insert into notes values (100, null, '3', '\\x00ff7630', '{}'), (101, null, 'null', '', null)")
	d.exec("create table pins (id serial, a_label text)")
	if found := search(t, d, ring, true); len(found.Unlisted) > 0 || len(found.Unread) > 0 {
		t.Errorf("%+v\n%+v", found.Unlisted, found.Unread)
	}
}

// If this fails, columns of the catalogue are reported as missing from it, and every rotation
// refuses to start.
func TestDiscoversOnlyWhatIsNotListed(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table org_resources (like group_resources including all)")
	d.exec("create table heirs () inherits (device_keys)")
	d.exec("drop table alert_channels")
	d.exec("create table alert_channels (id uuid, config_encrypted text not null) partition by hash (id)")
	d.exec("create table first_half partition of alert_channels for values with (modulus 2, remainder 0)")
	d.exec("create table second_half partition of alert_channels for values with (modulus 2, remainder 1)")
	for _, sql := range []string{"insert into secrets (key, value_encrypted) values ('a', $1::text)", "insert into org_resources (name, auth_config_encrypted) values ('a', $1::text)",
		"insert into heirs (encrypted_device_key) values ($1::text)", "insert into alert_channels select gen_random_uuid(), $1::text from generate_series(1, 9)",
		"insert into users (email, gateway_token, vault) values ('a', $1::text, jsonb_build_object('a', $1::text))", "insert into recovery_shards (shard) values ($1::text)",
		"insert into tenants (name, settings) values ('a', jsonb_build_object('backup_key', $1::text, 'x', 1))",
		"with g as (insert into groups (name) values ('a') returning id) insert into group_vaults select id, to_jsonb($1::text) from g",
	} {
		d.exec(sql, versioned)
	}
	found := search(t, d, ring, false)
	if len(found.Unlisted) > 0 {
		t.Errorf("unlisted: %v", names(found.Unlisted))
	}
	want := []string{"public.group_vaults.vault_encrypted", "public.recovery_shards.shard", "public.tenants.settings", "public.users.vault"}
	if diff := cmp.Diff(want, names(found.Known)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}

	// A table of the same name elsewhere is another one, and so is another member
	// of the same JSON, and a column that only a partition's table has. The record of runs has
	// no ciphertext of its own, and what stands in it is found like any other.
	d.exec("create schema old; create table old.secrets as table secrets; create table old.recovery_shards as table recovery_shards")
	d.exec("insert into encryption_keys (version, key_id, metadata) values (7, 'a', jsonb_build_object('a', $1::text))", versioned)
	d.exec("update tenants set settings = settings || jsonb_build_object('smtp', jsonb_build_object('password', $1::text))", versioned)
	d.exec("create table parted (id int, v text) partition by range (id)")
	d.exec("create table old.leaf partition of parted for values from (0) to (9)")
	d.exec("insert into parted values (1, $1)", versioned)
	want = []string{"old.recovery_shards.shard", "old.secrets.value_encrypted", "public.encryption_keys.metadata", "public.parted.v", "public.tenants.settings"}
	if diff := cmp.Diff(want, names(search(t, d, ring, false).Unlisted)); diff != "" {
		t.Errorf("unlisted (-want +got):\n%s", diff)
	}
}

// If this fails, a value that is too big to travel, or a token that is a row's
// key, is missed or told.
func TestDiscoversBigValuesAndKeepsKeys(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	older, err := ring.WithCurrent(0)
	if err != nil {
		t.Fatal(err)
	}
	big, err := older.Seal(make([]byte, 2<<20), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.exec("create table bigs (id int, part int, v text, primary key (id, part))")
	d.exec("insert into bigs values (1, 2, $1)", big.String())
	d.exec("create table tokens (token text primary key, n int)")
	d.exec("insert into tokens values ($1, 1)", versioned)
	d.exec("create table keyed (token text primary key, v text)")
	d.exec("insert into keyed values ($1, $1)", versioned)
	d.exec("create table blobs (id int primary key, v jsonb)")
	d.exec("alter table blobs alter v set storage external")
	d.exec("insert into blobs select 1, jsonb_build_object('a', repeat('x', 100000), 'b', $1::text)", versioned)
	keys := map[string]string{}
	for _, full := range []bool{false, true} {
		found := search(t, d, ring, full)
		for _, find := range found.Unlisted {
			keys[find.Table+"."+find.Column] = find.Key
			if find.Table == "bigs" && (find.Opened > 0) != full {
				t.Errorf("full %v: the big value opened: %d", full, find.Opened)
			}
		}
		if !full && (found.TooLarge != 2 || len(found.Unlisted) != 4) {
			t.Errorf("%d too large, found %v", found.TooLarge, names(found.Unlisted))
		}
	}
	want := map[string]string{"bigs.v": "1, 2", "tokens.token": "", "keyed.token": "", "keyed.v": "", "blobs.v": "1"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys of rows (-want +got):\n%s", diff)
	}
}

// If this fails, the plan of every rotation of a big database waits for the
// search, or the search looks only where the oldest rows are.
func TestSampleIsSpreadAndQuick(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table big (id int primary key, note text, settings jsonb, v text)")
	d.exec(`insert into big select n, md5(n::text), jsonb_build_object('name', md5(n::text), 'list', jsonb_build_array(n, 'a:b:c')),
		case when n > 299990 then $1::text end from generate_series(1, 300000) n`, versioned)
	began := time.Now()
	found := search(t, d, ring, false)
	t.Logf("the sample took %s: %d values", time.Since(began), found.LookedAt)
	if found.LookedAt > 30_000 || found.LookedAt < 5_000 {
		t.Errorf("the sample has %d of 600,010 values", found.LookedAt)
	}
	if diff := cmp.Diff([]string{"public.big.v"}, names(found.Unlisted)); diff != "" {
		t.Errorf("the newest rows (-want +got):\n%s", diff)
	}
	began = time.Now()
	whole := search(t, d, ring, true)
	t.Logf("everything took %s: %d values", time.Since(began), whole.LookedAt)
	if len(whole.Unlisted) != 1 || whole.Unlisted[0].Values != 10 || whole.Unlisted[0].Opened != 10 || whole.LookedAt < 600000 {
		t.Errorf("everything: %+v", whole)
	}
}

// If this fails, the settings of the search stay behind in a pool's connections:
// the servers that share them can write nothing, or wait for nothing.
func TestSearchLeavesNothingInAPool(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, ring := newDatabase(t), newRing(t)
	bouncer, err := testenv.StartPgBouncer(ctx, testenv.Shared(t), "transaction", "default_pool_size = 1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table notes (id int primary key, v text)")
	d.exec("insert into notes values (1, $1)", versioned)
	var name string
	if err := d.conn.QueryRow(ctx, "select current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	d.reach(bouncer.URL("postgres", name))
	if diff := cmp.Diff([]string{"public.notes.v"}, names(search(t, d, ring, false).Unlisted)); diff != "" {
		t.Errorf("through the pool (-want +got):\n%s", diff)
	}
	if err := testenv.Exec(ctx, bouncer.URL("postgres", name), "delete from notes"); err != nil {
		t.Errorf("writing through the pool afterwards: %v", err)
	}
}
