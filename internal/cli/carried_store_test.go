package cli

import (
	"testing"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore/dir"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
)

// If this fails, an operator whose secrets are in a folder follows the advice and changes another place, or the
// path of the folder becomes several words of a shell.
func TestAdviceNamesTheStore(t *testing.T) {
	t.Parallel()
	flag := storeFlag{kind: storeFolder, path: "/run/our secrets$1"}
	for advice, want := range map[string]string{
		"ocmt rotate begin --abandon":         "ocmt rotate begin --store 'dir:/run/our secrets$1' --abandon",
		"ocmt rotate put-back --to-version 0": "ocmt rotate put-back --store 'dir:/run/our secrets$1' --to-version 0",
		"ocmt rotate readiness":               "ocmt rotate readiness",
		"ocmt rotate --from-version 0":        "ocmt rotate --from-version 0",
	} {
		if got := carryStore(advice, flag); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := carryStore(advice, storeFlag{}); got != advice {
			t.Errorf("without a store: %q", got)
		}
	}
}

// If this fails, the store that the record names is not found again, and the advice leads to no store.
func TestRecordedStore(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]storeFlag{
		envfile.New(`/etc/our "own"/.env`, envfile.Options{}).Place(): {kind: storeEnvFile, path: `/etc/our "own"/.env`},
		dir.New("/run/secrets", dir.Options{}).Place():                {kind: storeFolder, path: "/run/secrets"},
		"something else": {},
	} {
		view := rotation.View{Keys: []rotation.RecordedKey{{Version: 0}, {Version: 1, Begun: &rotation.Begun{Host: "a", Store: place}}}}
		if got := findRecordedStore(view, "a"); got != want {
			t.Errorf("%s: got %+v", place, got)
		}
		if got := findRecordedStore(view, "b"); got != (storeFlag{}) {
			t.Errorf("%s on another machine: got %+v", place, got)
		}
	}
}
