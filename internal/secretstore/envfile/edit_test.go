package envfile_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/dotenv"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

// If this fails, an edit changes what is not its own: a comment, a line end, another setting.
func TestKeepsEveryOtherByte(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, from, to, want string }{
		"plain":                   {"# c\nT=old\nB=1\n", "old", "new", "# c\nT=new\nB=1\n"},
		"CRLF":                    {"# c\r\nT=old\r\nB=1\r\n", "old", "new", "# c\r\nT=new\r\nB=1\r\n"},
		"CRLF, lines in it":       {"T='old'\r\nB=1\r\n", "old", "a\nb", "T='a\r\nb'\r\nB=1\r\n"},
		"CRLF, another one":       {"B=1\r\n", "", "new", "B=1\r\nT=new\r\n"},
		"mixed line ends":         {"A=1\rT=old\r\nB=1\n\n", "old", "new", "A=1\rT=new\r\nB=1\n\n"},
		"comment":                 {"T=old # why\n", "old", "new", "T=new # why\n"},
		"comment and quotes":      {"T='old' # 'why'\n", "old", "ne w", "T='ne w' # 'why'\n"},
		"double quotes":           {"T=\"old\" \n", "old", "new", "T=\"new\" \n"},
		"backticks":               {"T=`old`\n", "old", "new", "T=`new`\n"},
		"double quotes, $":        {"T=\"old\"\n", "old", "n$w", "T='n$w'\n"},
		"no quotes, &":            {"T=old\n", "old", "a?b&c", "T=a?b&c\n"},
		"no quotes, space":        {"T=old\n", "old", "a b", "T='a b'\n"},
		"another one, &":          {"", "", "a?b&c", "T='a?b&c'\n"},
		"export":                  {"export  T = old\n", "old", "new", "export  T = new\n"},
		"colon":                   {"T: old\n", "old", "new", "T: new\n"},
		"indented":                {"\t T=old\n", "old", "new", "\t T=new\n"},
		"no line end":             {"A=1\nT=old", "old", "new", "A=1\nT=new"},
		"no line end, another":    {"A=1", "", "new", "A=1\nT=new"},
		"byte order mark":         {"\ufeffT=old\n", "old", "new", "\ufeffT=new\n"},
		"byte order mark alone":   {"\ufeff", "", "new", "\ufeffT=new\n"},
		"empty":                   {"T=\nB=1\n", "", "new", "T=new\nB=1\n"},
		"empty with comment":      {"T= # here\n", "", "new", "T=new # here\n"},
		"empty quotes":            {"T=\"\"\n", "", "new", "T=\"new\"\n"},
		"unclosed":                {"T=\"old\nB=1\n", "\"old", "new", "T=new\nB=1\n"},
		"unclosed behind it":      {"T=old\nB='1\n", "old", "a b", "T='a b'\nB='1\n"},
		"lines to one":            {"T=\"a\nb\" # c\nB=1\n", "a\nb", "new", "T=\"new\" # c\nB=1\n"},
		"twice":                   {"T=old\nB=1\nexport T='old' # c\n", "old", "new", "T=new\nB=1\nexport T='new' # c\n"},
		"twice, the last counts":  {"T=older\nT=old\n", "old", "new", "T=new\nT=new\n"},
		"other text":              {"what is this\nT=old\n=x\n", "old", "new", "what is this\nT=new\n=x\n"},
		"not in UTF-8 elsewhere":  {"# caf\xe9\nT=old\n", "old", "new", "# caf\xe9\nT=new\n"},
		"a name that contains it": {"T_1=old\nAT=old\nT=old\n", "old", "new", "T_1=old\nAT=old\nT=new\n"},
		"removed":                 {"A=1\nexport T=old # c\n# next\nB=1\n", "old", "", "A=1\n# next\nB=1\n"},
		"removed, lines":          {"A=1\r\nT='a\r\nb'\r\n\r\nB=1\r\n", "a\nb", "", "A=1\r\n\r\nB=1\r\n"},
		"removed, the first":      {"\ufeffT=old\nB=1\n", "old", "", "\ufeffB=1\n"},
		"removed, the last":       {"A=1\nT=old", "old", "", "A=1"},
		"removed, the only one":   {"T=old", "old", "", ""},
		"removed, twice":          {"T=old\n\nT=old\nB=1\n", "old", "", "\nB=1\n"},
		"removed, it was empty":   {"T=\n# next\n", "", "", "# next\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, test.text, 0o600)
			storetest.MustApply(t, open(path), storetest.Put("T", test.from, test.to))
			wantFile(t, path, test.want, 0o600)
		})
	}
}

// FuzzPut: whatever a file and a value are, the servers read back exactly the value and everything else as
// before, or the file stays as it was.
func FuzzPut(f *testing.F) {
	for _, seed := range []string{"", "T=old # c\n", "export T='a\nb'\r\nB=\"1\n", "A=1\nT: `x`\nT=y", "\ufeffT=\\\nB='", "T=\n\n'x'\n#", "T\n=\"a\\\"b\"#", "export\nT=1"} {
		for _, value := range []string{"new", "a'b\"c`d", "a\\", "#\n", "\r", " \ufeff", "\\n'"} {
			f.Add(seed, value)
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		path := writeFile(t, text, 0o600)
		store := open(path)
		before := readAll(text)
		old, err := store.Get(context.Background(), "T")
		if err != nil {
			t.Skip() // not a text that is edited
		}
		if err := store.Apply(context.Background(), storetest.Put("T", old.Reveal(), value)); err != nil {
			wantFile(t, path, text, 0o600)
			return
		}
		after := readAll(readFile(t, path))
		if after["T"] != value {
			t.Fatalf("%q with %q reads as %q", text, value, after["T"])
		}
		delete(before, "T")
		delete(after, "T")
		if len(before) != len(after) {
			t.Fatalf("%q with %q: other names", text, value)
		}
		for name, want := range before {
			if after[name] != want {
				t.Fatalf("%q with %q: %s reads as %q", text, value, name, after[name])
			}
		}
	})
}

// readAll returns what the servers read from a text.
func readAll(text string) map[string]string {
	values := map[string]string{}
	for _, one := range dotenv.Parse(text) {
		values[one.Name] = one.Value
	}
	return values
}

// If this fails, what ocmt writes into an env file is refused when ocmt reads it as its own settings.
func TestOwnSettingsAreReadBack(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "# secrets\n", 0o600)
	store := open(path)
	want := map[string]string{"ADMIN_TOKEN": "a'b c#d", "REDIS_URL": "redis://:p$w@cache:6379?x=1&y=2", "CSRF_SECRET": "two\nlines"}
	var changes []secretstore.Change
	for name, text := range want {
		changes = append(changes, storetest.Put(name, "", text))
	}
	storetest.MustApply(t, store, changes...)
	text := readFile(t, path)
	found, err := config.ParseEnv([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if found[name] != value {
			t.Errorf("%s reads as %q", name, found[name])
		}
	}
	if !strings.HasPrefix(text, "# secrets\n") {
		t.Error("the comment is gone")
	}
}
