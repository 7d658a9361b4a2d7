package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/files"
)

// If this fails, a token that a gateway takes is not seen, or one that is set to nothing is taken for one that is
// not there, and the gateway answers everybody.
func TestReadGatewayToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "openclaw.json")
	const marked = "m4rk3d-t0k3n"
	for text, want := range map[string]struct {
		token  string
		set    bool
		reason string
	}{
		"// comment\n{gateway: {auth: {token: '" + marked + "',},},}": {marked, true, ""},
		`{"gateway": {"auth": {"token": ""}}}`:                        {"", true, ""},
		`{"gateway": {"auth": {"token": "${OTHER}"}}}`:                {"", false, ""},
		`{"gateway": {}}`:                {"", false, ""},
		`{"gateway": "` + marked:         {"", false, "JSON5"},
		`{"$include": "` + marked + `"}`: {"", false, "includes other files"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, set, err := files.ReadGatewayToken(path)
		if token.Reveal() != want.token || set != want.set || (err == nil) != (want.reason == "") {
			t.Errorf("%s: set %v, %v", strings.ReplaceAll(text, marked, "…"), set, err)
		}
		if err != nil && (!strings.Contains(err.Error(), want.reason) || strings.Contains(err.Error(), marked)) {
			t.Error("the reason is another one, or repeats the text")
		}
	}
	if mode, err := files.ModeOf(path); err != nil || mode != 0o600 {
		t.Errorf("mode %o, %v", mode, err)
	}
	if _, err := files.ModeOf(path + "x"); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
