package files_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/files"
)

// secretText is invented.
const secretText = "5f1e0c9b7a3d48266cd1b2e4f7089a35"

// settings are settings for a test: texts by name. Those in inFile are from .env.
type settings struct {
	texts  map[string]string
	inFile []string
}

func (s settings) Text(name string) string { return s.texts[name] }

func (s settings) Names(prefix string) (names []string) {
	for name, text := range s.texts {
		if strings.HasPrefix(name, prefix) && text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s settings) Place(name string) string {
	if slices.Contains(s.inFile, name) {
		return ".env"
	}
	return "the environment"
}

func (s settings) File(name string) string {
	if slices.Contains(s.inFile, name) {
		return ".env"
	}
	return ""
}

// finder finds the texts of settings as they are.
type finder map[string]string

func (f finder) Find(text []byte) (names []string) {
	for name, secret := range f {
		if bytes.Contains(text, []byte(secret)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type silent struct{}

func (silent) Checking(string, int, int) {}

// deployment is a folder with a home and a system root beside it.
type deployment struct {
	t        *testing.T
	dir      string
	options  files.Options
	settings settings
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	top := t.TempDir()
	d := &deployment{t: t, dir: filepath.Join(top, "app")}
	for _, folder := range []string{"app", "home", "system"} {
		if err := os.Mkdir(filepath.Join(top, folder), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	d.options = files.Options{Dir: d.dir, Folders: []files.Folder{{Path: d.dir}}, Home: filepath.Join(top, "home"), System: filepath.Join(top, "system"),
		Finder: finder{"ADMIN_TOKEN": secretText, "OPENCLAW_GATEWAY_TOKEN": "token-of-the-gateway-7261"}, Parse: config.ParseEnv}
	d.settings.texts = map[string]string{}
	return d
}

// write writes a file of the deployment, with that mode exactly.
func (d *deployment) write(path, text string, mode fs.FileMode) {
	d.t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		d.t.Fatal(err)
	}
}

// loop makes a link that leads to itself, which no account can read.
func (d *deployment) loop(path string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(path), path); err != nil {
		d.t.Fatal(err)
	}
}

// ask asks one check.
func (d *deployment) ask(id string) audit.Result {
	d.t.Helper()
	sources := &audit.Sources{Files: audit.Available[audit.FileSource](files.New(d.options)), Settings: audit.Available[audit.Settings](d.settings)}
	report, err := audit.Run(context.Background(), sources, audit.Request{Only: []string{id}, Now: time.Unix(1_800_000_000, 0)}, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	result := report.Results[0]
	for _, found := range result.Findings {
		if strings.Contains(found.Cause+found.Message+found.Actual+strings.Join(found.Places, ""), secretText) {
			d.t.Errorf("%s shows a secret", id)
		}
	}
	return result
}

// wantOutcome checks what a check comes to.
func (d *deployment) wantOutcome(id string, want audit.Outcome) {
	d.t.Helper()
	if got := d.ask(id); got.Outcome != want {
		d.t.Errorf("%s is %s, want %s: %+v %v %s", id, got.Outcome, want, got.Findings, got.Gaps, got.Absent)
	}
}

// wantFindings checks the causes and messages that a check finds, each a part of a finding.
func (d *deployment) wantFindings(id string, parts ...string) {
	d.t.Helper()
	got := d.ask(id)
	var texts []string
	for _, found := range got.Findings {
		texts = append(texts, found.Severity.String()+": "+found.Cause+" "+found.Message+" | "+found.Actual+" | "+strings.Join(found.Places, ", "))
	}
	for _, part := range parts {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) }) {
			d.t.Errorf("%s does not find %q, but\n%s\n%v", id, part, strings.Join(texts, "\n"), got.Gaps)
		}
	}
	if len(texts) != len(parts) {
		d.t.Errorf("%s finds %d, want %d:\n%s", id, len(texts), len(parts), strings.Join(texts, "\n"))
	}
}
