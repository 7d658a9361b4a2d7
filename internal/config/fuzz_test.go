package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// FuzzEnvFile: no env file, however damaged, may cause a panic or an error that shows the
// contents of the file.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"A=", "export A='", "A: \"x\\", "=\n", "A=$(x) ", "\n\n# c\nA = b # c\n", "\x00", "A=\xff"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		dir := t.TempDir()
		path := filepath.Join(dir, ".env")
		if err := os.WriteFile(path, []byte(before+marker+after), 0o600); err != nil {
			t.Skip()
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

// FuzzRedacted: a redacted address never shows the password, whatever text is around it.
func FuzzRedacted(f *testing.F) {
	f.Add("postgres://u:", "@h/d")
	f.Add("postgres://u:1/", "@h/d")
	f.Add("host=h password='", "' dbname=d")
	f.Add("redis://", "@h")
	f.Fuzz(func(t *testing.T, before, after string) {
		prefixes := []string{"password=" + before, "postgres://u:" + before, "redis://:" + before}
		for _, prefix := range prefixes {
			tail := "@h/d" + after
			if strings.HasPrefix(prefix, "password=") {
				// These characters end the password, so that the marker is no part of it.
				if strings.ContainsAny(before, " \t\r\n'\\=") {
					continue
				}
				tail = " host=h"
			}
			if strings.Contains(before, "@") || strings.Contains(after, "://") {
				continue
			}
			if got := config.NewURL(prefix + marker + tail).Redacted(); strings.Contains(got, marker) {
				t.Errorf("shown as %q", got)
			}
		}
	})
}
