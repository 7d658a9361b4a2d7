package evidence

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/visible"
)

//go:embed page/evidence.html page/evidence.css
var pageFiles embed.FS

// pageTemplate parses the page when the first one is written: no other command waits for it.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").ParseFS(pageFiles, "page/evidence.html"))
})

// maxColumns is how many columns of the database the sheet has room for. The document has all.
const maxColumns = 14

// view is what the template reads. All texts in it are clean.
type view struct {
	Policy  string
	Style   template.CSS
	Program string // the version of this program; "" where it is not known
	Facts   []fact
	Columns []columnView
	Left    int // columns that are not shown
	Groups  []group
	Trial   *rotation.KeyTrial
	Opened  int64
	Version int
	New     int
	Until   string
	Done    bool // the key was seen to be gone
}

type fact struct{ Name, Value string }

type columnView struct{ Name, Before, After string }

// group is a part of the proof.
type group struct {
	Name       string
	Conditions []condition
}

type condition struct {
	Text, Reason string
	Met          bool
}

// WritePage writes the evidence as one page that loads nothing, runs no script, and prints on one sheet. Program is the
// version of this program; it may be empty.
func WritePage(w io.Writer, found *rotation.Evidence, program string) error {
	style, err := pageFiles.ReadFile("page/evidence.css")
	if err != nil {
		return fmt.Errorf("reading the style of the page: %w", err)
	}
	v := newView(found)
	v.Policy, v.Style, v.Program = contentPolicy(style), template.CSS(style), visible.Text(program) //nolint:gosec // it is a file of this package
	var text bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&text, "page", v); err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	if _, err := text.WriteTo(w); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// contentPolicy returns a Content-Security-Policy that allows the style of the page, and nothing else.
func contentPolicy(style []byte) string {
	sum := sha256.Sum256(style)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

func newView(found *rotation.Evidence) *view {
	v := &view{Version: found.Version, New: found.NewVersion, Until: visible.Text(found.BackupsUntil), Trial: cleanTrial(found.Trial), Opened: found.Opened, Done: !found.FinishedAt.IsZero()}
	for _, one := range []fact{
		{"Key taken away", fmt.Sprintf("version %d, fingerprint %s", found.Version, found.Fingerprint)},
		{"Key in use", fmt.Sprintf("version %d, fingerprint %s", found.NewVersion, found.NewFingerprint)},
		{"By", found.Operator + " on " + found.Host},
		{"Taken out of", found.Store},
		{"Database", found.Database.Name + systemText(found.Database.System)},
		{"Log position", found.WAL + " (WAL), behind the proof"},
		{"New key made", formatTime(found.BegunAt)},
		{"Servers ready", formatTime(found.ReadyAt) + saidText(found.NoWrites)},
		{"Proven", formatTime(found.ProvenAt)},
		{"Gone", formatTime(found.FinishedAt)},
		{"Copy of the key", found.Escrow.String()},
		{"Values", fmt.Sprintf("%d open with the new key alone, %d stand in the clear as OCMT writes them, %d are given up as lost", found.Opened, found.Plaintext, found.Accepted)},
	} {
		v.Facts = append(v.Facts, fact{one.Name, visible.Text(one.Value)})
	}
	for _, column := range found.Columns {
		if len(v.Columns) == maxColumns {
			v.Left = len(found.Columns) - maxColumns
			break
		}
		v.Columns = append(v.Columns, columnView{visible.Text(column.String()), countsText(column.Before), countsText(column.After)})
	}
	for _, one := range found.Conditions {
		if len(v.Groups) == 0 || v.Groups[len(v.Groups)-1].Name != one.Group {
			v.Groups = append(v.Groups, group{Name: one.Group})
		}
		last := &v.Groups[len(v.Groups)-1]
		last.Conditions = append(last.Conditions, condition{visible.Text(one.Text), visible.Text(one.Reason), one.Met})
	}
	return v
}

// cleanTrial returns a trial with clean names.
func cleanTrial(trial *rotation.KeyTrial) *rotation.KeyTrial {
	if trial == nil {
		return nil
	}
	clean := *trial
	clean.Schema, clean.Table, clean.Column = visible.Text(trial.Schema), visible.Text(trial.Table), visible.Text(trial.Column)
	return &clean
}

// systemText names the server, where the account could ask for its identifier.
func systemText(system string) string {
	if system == "" {
		return " (the account may not ask for the identifier of the server)"
	}
	return ", server " + system
}

// saidText names the tables that the operator has answered for.
func saidText(tables []string) string {
	if len(tables) == 0 {
		return ""
	}
	return "; on the operator's word, no secret is written to: " + strings.Join(tables, ", ")
}

// formatTime writes a time in UTC. The zero time has not come yet.
func formatTime(at time.Time) string {
	if at.IsZero() {
		return "not yet"
	}
	return at.UTC().Format("2 January 2006, 15:04:05 UTC")
}

// countsText writes counts by version, the oldest first.
func countsText(counts map[int]int64) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(counts)) {
		if counts[version] > 0 {
			parts = append(parts, "v"+strconv.Itoa(version)+": "+strconv.FormatInt(counts[version], 10))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
