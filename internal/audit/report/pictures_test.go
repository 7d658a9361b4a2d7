package report_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
)

// figure returns the part of a page with one picture.
func figure(t *testing.T, page []byte, id string) string {
	t.Helper()
	_, rest, there := strings.Cut(string(page), `<figure id="`+id+`"`)
	if !there {
		t.Fatalf("the page has no %s", id)
	}
	found, _, _ := strings.Cut(rest, "</figure>")
	return found
}

// If this fails, an operator takes a picture without data for a deployment without faults.
func TestPicturesSayThatTheyAreEmpty(t *testing.T) {
	t.Parallel()
	page := htmlOf(t, newReport(), report.Extras{})
	for id, want := range map[string]string{
		"picture-versions": "There is nothing to show: no values were counted.",
		"picture-areas":    "No check was asked.",
		"picture-timeline": "There is nothing to show: no key, rotation, incident or due date is recorded.",
	} {
		if picture := figure(t, page, id); !strings.Contains(picture, want) || strings.Contains(picture, "<svg") {
			t.Errorf("%s: %s", id, picture)
		}
	}
}

// segments match the bars of a picture.
var segments = regexp.MustCompile(`<rect class="segment ([a-z_0-9]+)" x="([0-9.]+)%" y="(\d+)" width="([0-9.]+)%"`)

// If this fails, the picture of a rotation shows another share of old values than there is, or none
// where a few are left.
func TestVersionPicture(t *testing.T) {
	t.Parallel()
	extras := report.Extras{Columns: []report.ColumnVersions{
		{Column: "public.a.x", Versions: []report.VersionCount{{Label: "v2", Values: 250}, {Label: "v3", Current: true, Values: 750}}},
		{Column: "public.b.y", Versions: []report.VersionCount{{Label: "legacy", Values: 1}, {Label: "v3", Current: true, Values: 999999}}},
		{Column: "public.c.z"},
	}}
	picture := figure(t, htmlOf(t, sampleReport(), extras), "picture-versions")
	for _, want := range []string{"1,000,749 of 1,001,000 values in 3 columns are under the current key.", "v3 (current) 750 · v2 250", "v3 (current) 999,999 · legacy 1", ">none<",
		`<th scope="row">public.b.y</th><td class="number">999,999</td><td class="number">0</td><td class="number">1</td>`} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	sums, first := map[string]float64{}, []string{}
	for _, match := range segments.FindAllStringSubmatch(picture, -1) {
		at, _ := strconv.ParseFloat(match[2], 64)    // the pattern has digits alone
		width, _ := strconv.ParseFloat(match[4], 64) // as before
		if at < sums[match[3]]-0.02 || at > sums[match[3]]+0.02 {
			t.Errorf("%s begins at %v, and the one before ends at %v", match[1], at, sums[match[3]])
		}
		if width < 1 {
			t.Errorf("%s is %v %% wide: nobody sees it", match[1], width)
		}
		sums[match[3]] += width
		first = append(first, match[1])
	}
	for row, sum := range sums {
		if sum < 99.9 || sum > 100.1 {
			t.Errorf("the bar at %s is %v %% wide", row, sum)
		}
	}
	if want := []string{"v0", "v1", "v0", "v2"}; !slices.Equal(first, want) {
		t.Errorf("segments %v, want %v", first, want)
	}
}

// If this fails, a picture hides what does not fit into it.
func TestPicturesSayWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	var extras report.Extras
	for i := range 33 {
		extras.Columns = append(extras.Columns, report.ColumnVersions{Column: fmt.Sprintf("public.t%d.x", i), Versions: []report.VersionCount{{Label: "v1", Values: 1}}})
		extras.Events = append(extras.Events, audit.Event{At: now.AddDate(0, -i, 0), Kind: audit.KeyEvent, Label: fmt.Sprintf("key %d", i)})
	}
	page := htmlOf(t, sampleReport(), extras)
	versions, timeline := figure(t, page, "picture-versions"), figure(t, page, "picture-timeline")
	if !strings.Contains(versions, "leaves out 3 rows") || strings.Count(versions, "<tr>") != 34 {
		t.Errorf("%s", versions)
	}
	if !strings.Contains(timeline, "leaves out the 9 earliest events") || strings.Count(timeline, "<tr>") != 34 || strings.Count(timeline, `class="key" d=`) != 25 {
		t.Errorf("%s", timeline)
	}
}

// If this fails, a due date that is over looks as if it were to come.
func TestTimeline(t *testing.T) {
	t.Parallel()
	extras := report.Extras{Events: []audit.Event{
		{At: now.Add(100 * time.Hour), Kind: audit.DueEvent, Label: "to come"},
		{At: now.Add(-100 * time.Hour), Kind: audit.IncidentEvent, Label: "over"},
	}}
	picture := figure(t, htmlOf(t, sampleReport(), extras), "picture-timeline")
	places := regexp.MustCompile(`<svg x="([0-9.]+)%"[^>]*><path class="([a-z]+)"|<line class="now" x1="([0-9.]+)%"`).FindAllStringSubmatch(picture, -1)
	if len(places) != 3 || places[0][3] != "50.00" || places[1][1] != "3.00" || places[1][2] != "incident" || places[2][1] != "97.00" || places[2][2] != "due" {
		t.Errorf("places %q", places)
	}
	if !strings.Contains(picture, "Events from 2027-02-28 to 2027-03-08. incident: 1, due date: 1.") {
		t.Errorf("the picture does not say in words what it shows: %s", picture)
	}
}

// If this fails, an operator reads the passes before what could not be checked, or mends the least
// finding first.
func TestPageOrder(t *testing.T) {
	t.Parallel()
	page := string(htmlOf(t, sampleReport(), sampleExtras()))
	at := 0
	for _, part := range []string{`id="targets"`, `data-count="checks"`, `id="unchecked"`, "grant select on public.tenant_admins to ocmt_auditor;", "<h3>Encryption</h3>",
		"has values that no configured key opens", "still has values", "public.users.gateway_token</bdi> is in clear", "<h3>Tokens</h3>", "<h3>Files</h3>",
		`id="accepted"`, "Mira Okafor", "2027-06-30", `id="passes"`, "41 API keys", "there is no compose file below the paths", "OCMT-END-001, OCMT-END-002", "Jun Ito"} {
		found := strings.Index(page[at:], part)
		if found < 0 {
			t.Fatalf("%q is missing, or stands before what it should follow", part)
		}
		at += found
	}
}

// If this fails, ten places read as if they were all.
func TestPageTellsPlacesLeftOut(t *testing.T) {
	t.Parallel()
	page := func(left int64) string {
		found := audit.Finding{Check: "OCMT-TOK-008", Severity: audit.Medium, Count: 10 + left, Places: []string{"public.api_keys id 7"}, PlacesLeft: left}
		return string(htmlOf(t, newReport(audit.Result{Check: check("OCMT-TOK-008", audit.Medium, "x", "y"), Outcome: audit.Found, Findings: []audit.Finding{found}}), report.Extras{}))
	}
	if !strings.Contains(page(1234), "<li>and 1,234 more</li>") || strings.Contains(page(0), " more</li>") {
		t.Error("the page does not say how many places it leaves out, or says it of none")
	}
}

// If this fails, an audit that could not look reads as if all were well.
func TestVerdictSentence(t *testing.T) {
	t.Parallel()
	gaps := sampleReport()
	gaps.Results = gaps.Results[5:6]
	only := newReport(gaps.Results...)
	for want, page := range map[string][]byte{
		"4 findings are of medium severity or worse. 3 things could not be checked.":                            htmlOf(t, sampleReport(), report.Extras{}),
		"No finding is of medium severity or worse, but 1 thing could not be checked. That is not a pass.":      htmlOf(t, only, report.Extras{}),
		"No finding is of medium severity or worse, and every check that applies could look at everything.</p>": htmlOf(t, newReport(), report.Extras{}),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
