package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// ColumnVersions says under which keys the values of a column are.
type ColumnVersions struct {
	Column   string // "public.users.gateway_token"
	Versions []VersionCount
}

// VersionCount is how many values are under a key version.
type VersionCount struct {
	Label   string // "v3", "legacy", "in clear"
	Current bool   // this is the version that the server writes
	Values  int64
}

const (
	maxRows   = 30 // of a picture; its table has all
	rowHeight = 58 // in CSS pixels, as the other places are
	// labelLength is how many characters fit beside each other on a screen of 360 px.
	labelLength = 42
	// leastShare is the share of a bar, in percent, that the smallest count gets, so that it is seen.
	leastShare = 1.5
)

// barPicture has a bar for each row, in which each series has a segment.
type barPicture struct {
	Of     string // what a row is: "Area"
	Text   string // says in words what the picture shows, or that there is nothing to show
	Height int
	Series []series
	Rows   []barRow
	All    []barRow // the rows that the picture leaves out too
}

type series struct{ Name, Class string }

type barRow struct {
	Name, Short, Values string
	Numbers             []int64 // of each series
	Segments            []segment
	Y, BarY, ValueY     int
}

type segment struct {
	Class    string
	X, Width string // in percent
}

// layOut gives each row its place and its segments.
func (p *barPicture) layOut() {
	for i := range p.All {
		row := &p.All[i]
		row.Short, row.Y, row.BarY, row.ValueY = abbreviate(row.Name), i*rowHeight+13, i*rowHeight+20, i*rowHeight+48
		var values []string
		for k, n := range row.Numbers {
			if n > 0 {
				values = append(values, p.Series[k].Name+" "+formatNumber(n))
			}
		}
		row.Values = abbreviate(cmp.Or(strings.Join(values, " · "), "none"))
		row.Segments = divide(row.Numbers, p.Series)
	}
	p.Rows = p.All[:min(len(p.All), maxRows)]
	p.Height = len(p.Rows) * rowHeight
	if left := len(p.All) - len(p.Rows); left > 0 {
		p.Text += fmt.Sprintf(" The picture leaves out %s; the table has all.", countNoun(left, "row", "rows"))
	}
}

// divide divides a bar among the counts of its series.
func divide(numbers []int64, all []series) (list []segment) {
	var total, drawn float64
	for _, n := range numbers {
		total += float64(n)
	}
	share := func(n int64) float64 { return max(float64(n)/total*100, leastShare) }
	for _, n := range numbers {
		if n > 0 {
			drawn += share(n)
		}
	}
	at := 0.0
	for i, n := range numbers {
		if n > 0 {
			width := share(n) / drawn * 100
			list = append(list, segment{all[i].Class, formatPercent(at), formatPercent(width)})
			at += width
		}
	}
	return list
}

func formatPercent(share float64) string { return fmt.Sprintf("%.2f", share) }

// abbreviate returns a text that fits on a narrow screen.
func abbreviate(text string) string {
	if runes := []rune(text); len(runes) > labelLength {
		return string(runes[:labelLength-1]) + "…"
	}
	return text
}

// drawAreas draws how many checks of each area came to what.
func drawAreas(r *audit.Report) barPicture {
	outcomes := []audit.Outcome{audit.Found, audit.Unchecked, audit.Pass, audit.NotApplicable}
	names := []string{"finding", "could not check", "pass", "not applicable"}
	picture := barPicture{Of: "Area", Text: "No check was asked."}
	for i, outcome := range outcomes {
		picture.Series = append(picture.Series, series{names[i], string(outcome)})
	}
	for _, area := range areasOf(r) {
		row := barRow{Name: areaName(area), Numbers: make([]int64, len(outcomes))}
		for _, result := range r.Results {
			if i := slices.Index(outcomes, result.Outcome); i >= 0 && result.Check.Area() == area {
				row.Numbers[i]++
			}
		}
		picture.All = append(picture.All, row)
	}
	if len(picture.All) > 0 {
		picture.Text = fmt.Sprintf("Checks of each area: %d with findings, %d could not check, %d pass, %d do not apply.",
			r.Counts.Found, r.Counts.Unchecked, r.Counts.Pass, r.Counts.NotApplicable)
	}
	picture.layOut()
	return picture
}

// drawVersions draws how many values of each column are under which key version. The current version
// comes first, then the others as they are met.
func drawVersions(columns []ColumnVersions) barPicture {
	picture := barPicture{Of: "Column", Text: "There is nothing to show: no values were counted."}
	var labels []string
	var current []bool
	for _, column := range columns {
		for _, one := range column.Versions {
			label := clean(one.Label)
			switch at := slices.Index(labels, label); {
			case at >= 0:
			case one.Current:
				labels, current = slices.Insert(labels, 0, label), slices.Insert(current, 0, true)
			default:
				labels, current = append(labels, label), append(current, false)
			}
		}
	}
	older := 0
	for i, label := range labels {
		class := "v0"
		if !current[i] {
			older++
			class = fmt.Sprintf("v%d", min(older, 4)) // the style has four colours for others
		} else {
			label += " (current)"
		}
		picture.Series = append(picture.Series, series{label, class})
	}
	var total, under int64
	for _, column := range columns {
		row := barRow{Name: clean(column.Column), Numbers: make([]int64, len(labels))}
		for _, one := range column.Versions {
			row.Numbers[slices.Index(labels, clean(one.Label))] += one.Values
			total += one.Values
			if one.Current {
				under += one.Values
			}
		}
		picture.All = append(picture.All, row)
	}
	if len(picture.All) > 0 {
		picture.Text = fmt.Sprintf("%s of %s in %s are under the current key.",
			formatNumber(under), countNoun(total, "value", "values"), countNoun(len(columns), "column", "columns"))
	}
	picture.layOut()
	return picture
}
