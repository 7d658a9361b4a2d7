package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// FuzzYAML: no ocmt.yaml, however damaged, may cause a panic, or an error that repeats a value of it.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"columns: [{table: a, key: id, column: ", "known:\n- {table: a, column: b, reason: ", "workers: ", "audit: {trusted_groups: [", "a: &a [*a, ", "? ", "--- !!binary "} {
		f.Add(seed, "}]\n")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "ocmt.yaml"), []byte(before+marker+after), 0o600); err != nil {
			t.Fatal(err)
		}
		settings, err := config.Load(context.Background(), config.Request{Dir: dir})
		if err == nil && settings == nil {
			t.Error("neither settings nor an error")
		}
		if err != nil && strings.Contains(err.Error(), marker) {
			t.Errorf("error shows the file: %q", err)
		}
	})
}
