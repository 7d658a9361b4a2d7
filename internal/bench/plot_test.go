package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// If this fails, a browser shows nothing because the SVG is not well formed, or a bar has no
// number.
func TestPlotIsWellFormedAndHasTheNumbers(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.Machine.Kernel = `<&">`
	text, err := r.svg()
	if err != nil {
		t.Fatal(err)
	}
	said := textsOf(t, text)
	for _, want := range []string{
		"row at a time", "80", "one plain UPDATE", "2,000", "ocmt migrate run", "4,000",
		"1,000 rows", "1,000", "12,000 rows", "1,200", "rows per second",
		"alone", "2.0", "beside a run", "9.0", "beside a run at a quarter", "2.5", "99th percentile of a write, milliseconds",
		r.Machine.String(),
	} {
		if !slices.Contains(said, want) {
			t.Errorf("the plot does not say %q; it says %q", want, said)
		}
	}
}

// textsOf returns the texts of an XML document, and fails on a text that is not XML.
func textsOf(t *testing.T, text string) (found []string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, text)
		}
		if data, ok := token.(xml.CharData); ok {
			found = append(found, string(data))
		}
	}
}

// If this fails, a bar is longer or shorter than its value.
func TestBarsAreAsLongAsTheirValues(t *testing.T) {
	t.Parallel()
	p := panel{bars: []bar{{value: 100}, {value: 50}, {value: 0.01}}, number: formatTimes}.layOut(0)
	if full, half := p.Bars[0].Width, p.Bars[1].Width; full != plotRight-plotLeft || half*2 != full {
		t.Errorf("100 of 100 is %d wide, and 50 is %d", full, half)
	}
	if least := p.Bars[2].Width; least != 1 {
		t.Errorf("a bar of next to nothing is %d wide, and cannot be seen", least)
	}
}

// If this fails, an axis has too few or too many marks to be read.
func TestAxisHasAFewTicks(t *testing.T) {
	t.Parallel()
	for _, most := range []float64{0, 0.003, 0.7, 1, 3.99, 4, 9.9, 100, 61_234, 123_456, 9_999_999} {
		p := panel{bars: []bar{{value: most}}, number: formatTimes}.layOut(0)
		if n := len(p.Ticks); most > 0 && (n < 5 || n > 11) {
			t.Errorf("an axis up to %v has %d ticks", most, n)
		}
		if last := p.Ticks[len(p.Ticks)-1].X; last < p.Bars[0].X+p.Bars[0].Width-1 {
			t.Errorf("the bar of %v ends behind its axis", most)
		}
	}
}
