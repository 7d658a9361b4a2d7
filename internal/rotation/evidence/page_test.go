package evidence_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/rotation/evidence"
)

// sample returns evidence of a database with so many columns.
func sample(columns int) *rotation.Evidence {
	at := time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)
	found := &rotation.Evidence{Version: 3, Fingerprint: "0011223344556677", NewVersion: 4, NewFingerprint: "8899aabbccddeeff", Operator: "alice", Host: "ops-1",
		Store: `env file "/etc/ocmt/management.env"`, Database: migrate.Identity{Name: "ocmt", System: "7412345678901234567"}, WAL: "1A/4F0012B8", BegunAt: at, ReadyAt: at.Add(time.Hour),
		NoWrites: []string{"users", "device_keys"}, ProvenAt: at.Add(2 * time.Hour), FinishedAt: at.Add(2*time.Hour + time.Second), BackupsUntil: "2026-06-30", Opened: 1234567, Plaintext: 890, Accepted: 3,
		Conditions: rotation.Conditions(nil), Trial: &rotation.KeyTrial{Schema: "public", Table: "user_integrations", Column: "refresh_token_encrypted",
			RowDigest: strings.Repeat("0123456789abcdef", 4), ValueDigest: strings.Repeat("fedcba9876543210", 4), NewOpened: true}}
	for n := range columns {
		found.Columns = append(found.Columns, rotation.EvidenceColumn{Place: migrate.Place{Schema: "public", Table: fmt.Sprintf("a_table_with_a_name_%d", n), Column: "recovery_config_encrypted"},
			Before: map[int]int64{0: 12, 3: 123456}, After: map[int]int64{4: 123468}})
	}
	return found
}

func pageOf(t *testing.T, found *rotation.Evidence) string {
	t.Helper()
	var page bytes.Buffer
	if err := evidence.WritePage(&page, found, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// If this fails, the page keeps something from whoever must decide about a key years later.
func TestPageSaysEverything(t *testing.T) {
	t.Parallel()
	found := sample(2)
	found.Conditions = rotation.Conditions([]finding.Finding{{Code: finding.Sampled, Where: "database", Message: "a sample"}})
	page := pageOf(t, found)
	for _, want := range []string{"0011223344556677", "8899aabbccddeeff", "alice on ops-1", "management.env", "server 7412345678901234567", "1A/4F0012B8", "2026-06-30",
		"1 March 2026, 06:30:00 UTC", "users, device_keys", "1234567 open", "3 are given up", "public.a_table_with_a_name_1.recovery_config_encrypted", "v0: 12, v3: 123456", "v4: 123468",
		"not met</strong> the columns that nothing lists were searched, each table whole: database: a sample", found.Trial.RowDigest, found.Trial.ValueDigest, "ocmt v1.2.3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if met := strings.Count(page, `<li class="met">`); met != len(found.Conditions)-1 {
		t.Errorf("%d conditions are met, want %d", met, len(found.Conditions)-1)
	}
	if page := pageOf(t, sample(40)); !strings.Contains(page, "26 more columns") {
		t.Error("the page does not say that columns are left out")
	}
	if found := sample(1); true {
		found.Trial = nil
		if !strings.Contains(pageOf(t, found), "The old key was not there any more to be tried") {
			t.Error("the page does not say that the old key was gone")
		}
		found.Opened = 0
		if !strings.Contains(pageOf(t, found), "no value under version 4 to try") {
			t.Error("the page does not say that no value was tried")
		}
	}
}

// If this fails, a name in the database runs as a script in the browser of whoever opens the page, or hides what it says.
func TestPageIsSafe(t *testing.T) {
	t.Parallel()
	hostile := "\"><script>alert(1)</script></style>\u202e\x1b[31m{{.}}"
	found := sample(1)
	found.Operator, found.Store, found.Columns[0].Table, found.Trial.Table = hostile, hostile, hostile, hostile
	page := pageOf(t, found)
	if strings.Contains(page, "<script") || strings.Contains(page, "\u202e") || strings.Contains(page, "\x1b") || strings.Count(page, "</style>") != 1 {
		t.Errorf("the page holds foreign markup:\n%s", page)
	}
	for _, loads := range []string{" src=", "<link", "@import", "url("} {
		if strings.Contains(page, loads) {
			t.Errorf("the page loads something: %s", loads)
		}
	}
}

// pdfPage matches a page of a PDF file.
var pdfPage = regexp.MustCompile(`/Type\s*/Page\b`)

// If this fails, the evidence needs two sheets of paper, and one of them is lost.
func TestPagePrintsOnOneSheet(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{13, 40} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file, pdf := filepath.Join(folder, "page.html"), filepath.Join(folder, "page.pdf")
			if err := os.WriteFile(file, []byte(pageOf(t, sample(columns))), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, findChromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer",
				"--user-data-dir="+filepath.Join(folder, "profile"), "--print-to-pdf="+pdf, "file://"+file)
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("printing: %v\n%s", err, output)
			}
			printed, err := os.ReadFile(pdf)
			if err != nil {
				t.Fatal(err)
			}
			if pages := len(pdfPage.FindAll(printed, -1)); pages != 1 {
				t.Errorf("it prints on %d sheets", pages)
			}
		})
	}
}

// findChromium returns the program of the browser. It fails the test where there is none.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium was found: install it: apt-get install chromium, dnf install chromium, brew install --cask chromium")
	return ""
}
