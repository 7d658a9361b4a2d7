// Package storetest is what every place for secrets must pass: see Run. A place is tried with real writers in
// other processes, so the test binary of a store must call Main.
package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Maker makes places of one kind, and opens them.
type Maker struct {
	// Make makes a place with secrets in it, and returns what Open takes.
	Make func(t *testing.T, secrets map[string]string) (place string)
	// Open returns a store. Main calls it in other processes.
	Open func(place string) secretstore.Store
	// Whole says that several changes at once are one write: nobody ever sees a part of them.
	Whole bool
	// Inspect looks at a place after a writer was killed, before anything else is done with it.
	Inspect func(t *testing.T, place string)
	// Left returns what lies about in a place that is none of its secrets, once a writer has ended well.
	Left func(t *testing.T, place string) []string
}

// Run tries a kind of place.
func Run(t *testing.T, maker Maker) {
	for name, test := range map[string]func(*testing.T, Maker){
		"reads": testReads, "changes": testChanges, "compares": testCompares, "names": testNames, "values": testValues,
		"several": testSeveral, "tries": testTries, "writers": testWriters, "killed": testKilled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, maker)
		})
	}
}

// Put returns a change from one text to another; "" is none.
func Put(name, from, to string) secretstore.Change {
	return secretstore.Change{Name: name, Old: secret.NewValue(from), New: secret.NewValue(to)}
}

// MustApply makes changes.
func MustApply(t *testing.T, store secretstore.Store, changes ...secretstore.Change) {
	t.Helper()
	if err := store.Apply(t.Context(), changes...); err != nil {
		t.Fatalf("%s: %v", store.Place(), err)
	}
}

// WantTexts checks what a store holds: these texts and no others.
func WantTexts(t *testing.T, store secretstore.Store, want map[string]string) {
	t.Helper()
	names, err := store.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for name, text := range want {
		wanted = append(wanted, name)
		got, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Reveal() != text || got.IsSet() != (text != "") {
			t.Errorf("%s: %s holds %q, want %q", store.Place(), name, got.Reveal(), text)
		}
	}
	slices.Sort(wanted)
	if !slices.Equal(names, wanted) {
		t.Errorf("%s: names %q, want %q", store.Place(), names, wanted)
	}
}

// If this fails, ocmt reads another secret than the servers do, or one that is not there.
func testReads(t *testing.T, maker Maker) {
	want := map[string]string{"ADMIN_TOKEN": "dJ4kQ9mXv2Lw", "CSRF_SECRET": "a=b/c+d=="} //nolint:gosec // invented
	store := maker.Open(maker.Make(t, want))
	WantTexts(t, store, want)
	none, err := store.Get(t.Context(), "SESSION_SECRET")
	if err != nil || none.IsSet() {
		t.Errorf("a name that is not there: %v", err)
	}
	if store.Place() == "" || strings.Contains(store.Place(), "dJ4kQ9mXv2Lw") {
		t.Error("the place has no name, or a secret in it")
	}
	empty := maker.Open(maker.Make(t, nil))
	WantTexts(t, empty, nil)
}

// If this fails, a change that was reported did not happen, or another secret went with it.
func testChanges(t *testing.T, maker Maker) {
	place := maker.Make(t, map[string]string{"ADMIN_TOKEN": "first", "CSRF_SECRET": "kept"})
	store := maker.Open(place)
	MustApply(t, store, Put("ADMIN_TOKEN", "first", "second"))
	WantTexts(t, store, map[string]string{"ADMIN_TOKEN": "second", "CSRF_SECRET": "kept"})
	MustApply(t, store, Put("SESSION_SECRET", "", "new"))
	WantTexts(t, maker.Open(place), map[string]string{"ADMIN_TOKEN": "second", "CSRF_SECRET": "kept", "SESSION_SECRET": "new"})
	MustApply(t, store, Put("ADMIN_TOKEN", "second", "second"))
	MustApply(t, store, Put("ADMIN_TOKEN", "second", ""), Put("NEVER_SET", "", ""))
	MustApply(t, store)
	WantTexts(t, store, map[string]string{"CSRF_SECRET": "kept", "SESSION_SECRET": "new"})
	wantNothingLeft(t, maker, place)
}

// If this fails, ocmt overwrites what somebody else has changed a moment ago.
func testCompares(t *testing.T, maker Maker) {
	want := map[string]string{"ADMIN_TOKEN": "now", "CSRF_SECRET": "kept"}
	place := maker.Make(t, want)
	store := maker.Open(place)
	for _, changes := range [][]secretstore.Change{
		{Put("ADMIN_TOKEN", "before", "after")},
		{Put("ADMIN_TOKEN", "", "after")},
		{Put("ADMIN_TOKEN", "before", "")},
		{Put("SESSION_SECRET", "before", "after")},
		{Put("SESSION_SECRET", "before", "")},
		{Put("CSRF_SECRET", "kept", "lost"), Put("ADMIN_TOKEN", "before", "after")},
		{Put("ADMIN_TOKEN", "before", "after"), Put("CSRF_SECRET", "kept", "")},
	} {
		err := store.Apply(t.Context(), changes...)
		if !errors.Is(err, secretstore.ErrChanged) {
			t.Errorf("a change from what is not there: %v", err)
		}
		if err != nil && (strings.Contains(err.Error(), "before") || strings.Contains(err.Error(), "after")) {
			t.Errorf("the error shows a secret: %v", err)
		}
		WantTexts(t, store, want)
	}
	wantNothingLeft(t, maker, place)
}

// If this fails, a name with a mistake in it spoils a place, or leads out of it.
func testNames(t *testing.T, maker Maker) {
	want := map[string]string{"ADMIN_TOKEN": "kept"}
	place := maker.Make(t, want)
	store := maker.Open(place)
	for _, name := range []string{"", " ", "A B", "A=B", "A\nB", "../A", "/etc/passwd", ".", "..", ".hidden", "A/B", "A#B", "É", "1A", "A\x00B", "A-B", "A.B", strings.Repeat("A", 129)} {
		if err := store.Apply(t.Context(), Put(name, "", "text")); !errors.Is(err, secretstore.ErrName) {
			t.Errorf("%q is taken for a name: %v", name, err)
		}
		if err := store.Apply(t.Context(), Put("ADMIN_TOKEN", "kept", "lost"), Put(name, "", "text")); !errors.Is(err, secretstore.ErrName) {
			t.Errorf("%q is taken for a name behind another: %v", name, err)
		}
		if _, err := store.Get(t.Context(), name); !errors.Is(err, secretstore.ErrName) {
			t.Errorf("%q is read as a name: %v", name, err)
		}
	}
	for _, name := range []string{"A", "_A9", strings.Repeat("A", 128)} {
		MustApply(t, store, Put(name, "", "text"))
		MustApply(t, store, Put(name, "text", ""))
	}
	WantTexts(t, store, want)
	wantNothingLeft(t, maker, place)
}

// plainValues are texts that every place can hold.
var plainValues = []string{
	"x", "0", "true", "a b", " ", " around ", "\ttab\t", "a#b", "#", " # no comment", "a=b", "=", "==", "$HOME", "${HOME}", "$(id)", "`id`", "a'b", `a"b`, "a`b", `'a'`, `"a"`, "`a`",
	`'`, `"`, "`", `a'b"c`, "a'b`c", "a\"b`c", `back\slash`, `\`, `\\`, `\n`, `C:\new`, "two\nlines", "\n", "a\n", "\na", "export", "export A=1", "A=1", "é", "日本", "🔑", "\u00a0", "\ufeff", "%41%zz",
	"postgresql://ocmt:p%40ss@db:5432/ocmt?sslmode=require&application_name=a", "-----BEGIN KEY-----\nMIIB\nAA==\n-----END KEY-----", "!history", "~", "*", "a;b", "a&b|c", "<a>", "{a,b}", "[a]", "\\'", `\"`, "a\u007fb",
}

// oddValues are texts that a place may refuse with ErrValue, and then stays as it was.
var oddValues = []string{"a\rb", "\r", "a\r\nb", "a\r", `all ' " ` + "`", "all ' \" ` #", "'\"`", "line\n' \" `", `a\nb` + "\r", "\u2028", "a\u2029b", strings.Repeat("long", 100_000), "\n'\n\"\n`"}

// badValues are texts that no place takes.
var badValues = []string{"a\x00b", "\x00", "a\xff", "\xc3"}

// If this fails, a secret is kept as another text than was put, and the servers are locked out with it.
func testValues(t *testing.T, maker Maker) {
	place := maker.Make(t, map[string]string{"ADMIN_TOKEN": "x", "BEFORE": "kept", "ZULU": "kept"})
	store := maker.Open(place)
	now := "x"
	for _, value := range slices.Concat(plainValues, oddValues, plainValues) {
		err := store.Apply(t.Context(), Put("ADMIN_TOKEN", now, value), Put("SECOND", "", value))
		switch {
		case err == nil:
			now = value
			WantTexts(t, maker.Open(place), map[string]string{"ADMIN_TOKEN": now, "SECOND": now, "BEFORE": "kept", "ZULU": "kept"})
			MustApply(t, store, Put("SECOND", value, ""))
		case !errors.Is(err, secretstore.ErrValue) || slices.Contains(plainValues, value):
			t.Errorf("%.40q: %v", value, err)
		case len(value) > 3 && strings.Contains(err.Error(), value):
			t.Errorf("the error shows the text: %v", err)
		}
		WantTexts(t, store, map[string]string{"ADMIN_TOKEN": now, "BEFORE": "kept", "ZULU": "kept"})
	}
	for _, value := range badValues {
		if err := store.Apply(t.Context(), Put("ADMIN_TOKEN", now, value)); !errors.Is(err, secretstore.ErrValue) {
			t.Errorf("%q: %v", value, err)
		}
	}
	wantNothingLeft(t, maker, place)
}

// If this fails, the key of a rotation stands without its number, or a name that is moved is lost.
func testSeveral(t *testing.T, maker Maker) {
	place := maker.Make(t, map[string]string{"ENCRYPTION_KEY": "old", "CSRF_SECRET": "gone"})
	store := maker.Open(place)
	MustApply(t, store, Put("ENCRYPTION_KEY_V0", "", "old"), Put("ENCRYPTION_KEY", "old", "new"), Put("ENCRYPTION_KEY_VERSION", "", "1"), Put("CSRF_SECRET", "gone", ""))
	want := map[string]string{"ENCRYPTION_KEY_V0": "old", "ENCRYPTION_KEY": "new", "ENCRYPTION_KEY_VERSION": "1"}
	WantTexts(t, maker.Open(place), want)
	MustApply(t, store, Put("ENCRYPTION_KEY", "new", "newer"), Put("ENCRYPTION_KEY", "newer", "newest"), Put("TOKEN", "", "a"), Put("TOKEN", "a", ""))
	want["ENCRYPTION_KEY"] = "newest"
	WantTexts(t, maker.Open(place), want)
	wantNothingLeft(t, maker, place)
}

// If this fails, a command finds out that a place takes no change when it has done what cannot be taken back,
// or a trial changes something.
func testTries(t *testing.T, maker Maker) {
	want := map[string]string{"ADMIN_TOKEN": "now", "CSRF_SECRET": "kept"}
	place := maker.Make(t, want)
	store := maker.Open(place)
	for _, changes := range [][]secretstore.Change{
		{},
		{Put("ADMIN_TOKEN", "now", "now")},
		{Put("ADMIN_TOKEN", "now", "after"), Put("SESSION_SECRET", "", "new"), Put("CSRF_SECRET", "kept", "")},
	} {
		if err := store.Try(t.Context(), changes...); err != nil {
			t.Errorf("a change that can be made: %v", err)
		}
		WantTexts(t, store, want)
		wantNothingLeft(t, maker, place)
	}
	for wanted, change := range map[error]secretstore.Change{
		secretstore.ErrChanged: Put("ADMIN_TOKEN", "before", "after"),
		secretstore.ErrName:    Put("A B", "", "text"),
		secretstore.ErrValue:   Put("ADMIN_TOKEN", "now", "a\x00b"),
	} {
		if err := store.Try(t.Context(), Put("CSRF_SECRET", "kept", "lost"), change); !errors.Is(err, wanted) {
			t.Errorf("got %v, want %v", err, wanted)
		}
	}
	WantTexts(t, store, want)
	wantNothingLeft(t, maker, place)
}

// wantNothingLeft checks that nothing lies about.
func wantNothingLeft(t *testing.T, maker Maker, place string) {
	t.Helper()
	if left := maker.Left(t, place); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
