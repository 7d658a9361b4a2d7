package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ocmt/ocmt/internal/config"
)

const plainKey = "7be04c19d2a6f38e5519c0bb47ea2f6d93f1850c6e2db7a4081f9ed35b7c62aa"

// utf16Bytes is a text as Windows writes it.
func utf16Bytes(text string, big bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if big {
			b.WriteByte(byte(unit >> 8))
		}
		b.WriteByte(byte(unit))
		if !big {
			b.WriteByte(byte(unit >> 8))
		}
	}
	return b.String()
}

// If this fails, an operator looks for hours at a key file in which nothing is wrong to see.
func TestKeyFileSaysWhatNobodySees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"plain":             {plainKey + "\n", ""},
		"of Windows":        {plainKey + "\r\n", ""},
		"byte order mark":   {"\ufeff" + plainKey, "byte order mark"},
		"UTF-16":            {"\xff\xfe" + utf16Bytes(plainKey, false), "UTF-16"},
		"UTF-16, big":       {"\xfe\xff" + utf16Bytes(plainKey, true), "UTF-16"},
		"UTF-16, no mark":   {utf16Bytes(plainKey, false), "UTF-16"},
		"zero width space":  {plainKey[:10] + "\u200b" + plainKey[10:], "U+200B"},
		"no-break space":    {plainKey + "\u00a0", "U+00A0"},
		"soft hyphen":       {plainKey[:10] + "\u00ad" + plainKey[10:], "U+00AD"},
		"direction":         {"\u202e" + plainKey, "U+202E"},
		"zero":              {plainKey + "\x00", "U+0000"},
		"escape":            {"\x1b[0m" + plainKey, "U+001B"},
		"word joiner":       {plainKey + "\u2060", "U+2060"},
		"umlauts are seen":  {"Größe", ""},
		"not UTF-8 is kept": {"caf\xe9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: []string{"ENCRYPTION_KEY_FILE=key"}})
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v; want %q", err, c.says)
			case err != nil && strings.Contains(err.Error(), plainKey[:8]):
				t.Error("the key is shown")
			}
		})
	}
}

// If this fails, a mount of Kubernetes, in which every file has the mode 0644, stops a check.
func TestKubernetesMountIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "..2026_11_26"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "..2026_11_26", "key"), []byte(plainKey), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"..data": "..2026_11_26", "key": "..data/key", "other": "..2026_11_26/key"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for file, mounted := range map[string]bool{"key": true, "other": false} {
		settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: []string{"ENCRYPTION_KEY_FILE=" + file}})
		if err != nil {
			t.Fatal(err)
		}
		if len(settings.Files) != 1 || settings.Files[0].Mounted != mounted {
			t.Errorf("%s: %+v, want mounted %t", file, settings.Files, mounted)
		}
	}
}

// If this fails, a program that is started in a folder which its account may not enter ends,
// although it needs nothing from there.
func TestClosedFolderMattersOnlyIfNeeded(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may enter every folder")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: []string{"DATABASE_URL=postgresql://db/ocmt"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.Keyring(nil); err == nil || !strings.Contains(err.Error(), "may not enter the folder") {
		t.Errorf("without a key: %v", err)
	}
	if _, err := config.Load(context.Background(), config.Request{Dir: dir, EnvFile: "named.env"}); err == nil {
		t.Error("a file that was named is passed over")
	}
}
