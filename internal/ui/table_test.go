package ui_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/ui"
)

func renderOn(width int, colour bool, table ui.Table) []string {
	var out strings.Builder
	p := ui.NewPrinter(ui.Streams{Out: &out, OutTTY: width > 0, OutWidth: columns(width), Colour: true}, ui.Options{NoColour: !colour})
	p.Table(table)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// If this fails, a table runs over the edge of the terminal, and its rows cannot be read any more.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var table ui.Table
		for i := range 1 + random.IntN(7) {
			table.Columns = append(table.Columns, ui.Column{Title: words[random.IntN(len(words))], Right: random.IntN(3) == 0,
				Flexible: random.IntN(3) == 0, Wrap: i > 0 && random.IntN(3) == 0, HideZero: random.IntN(4) == 0})
		}
		for range 1 + random.IntN(4) {
			var row []ui.Cell
			for i := range table.Columns {
				cell := ui.Cell{Text: words[random.IntN(len(words))], Tone: ui.Tone(random.IntN(6))}
				if i > 0 && table.Columns[i].Wrap {
					cell.Text = randomText(random)
				}
				row = append(row, cell)
			}
			table.Rows = append(table.Rows, row)
		}
		width := 30 + random.IntN(90)
		lines := renderOn(width, false, table)
		for _, line := range lines {
			if n := ui.ColumnsOf(line); n > width {
				t.Fatalf("%d columns in %d:\n%s", n, width, strings.Join(lines, "\n"))
			}
		}
		painted := strings.Join(renderOn(width, true, table), "\n")
		if got := colours.ReplaceAllString(painted, ""); got != strings.Join(lines, "\n") {
			t.Fatalf("colour changes the table:\n%s\n%s", got, strings.Join(lines, "\n"))
		}
		for _, row := range table.Rows {
			for i, cell := range row {
				if text := strings.Join(lines, " "); table.Columns[i].Wrap && !strings.Contains(text, strings.Fields(cell.Text)[0]) {
					t.Fatalf("%q is lost:\n%s", cell.Text, strings.Join(lines, "\n"))
				}
			}
		}
	}
}

// If this fails, the operator cannot read why a value was left, or compares numbers that are out of line.
func TestTableForms(t *testing.T) {
	t.Parallel()
	reason := "the tag does not match: the value was changed after it was sealed, or it was sealed with another key"
	table := ui.Table{
		Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "ROWS", Right: true}, {Title: "LEFT", Right: true, HideZero: true}, {Title: "REASON", Wrap: true}},
		Rows:    [][]ui.Cell{ui.Row("secrets.日本", "12", "0", "locked"), ui.Row("users.token", "1,234", "–", reason)},
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, `
COLUMN         ROWS  REASON
secrets.日本     12  locked
users.token   1,234  ` + reason},
		{60, `
COLUMN         ROWS  REASON
secrets.日本     12  locked
users.token   1,234  the tag does not match: the value was
                     changed after it was sealed, or it was
                     sealed with another key`},
		{40, `
COLUMN         ROWS
secrets.日本     12
    reason: locked
users.token   1,234
    reason: the tag does not match: the
      value was changed after it was
      sealed, or it was sealed with
      another key`},
		{16, `
COLUMN
secrets.日本
    rows: 12
    reason:
      locked
users.token
    rows: 1,234
    reason: the
      tag does
      not match:
      the value
      was
      changed
      after it
      was
      sealed, or
      it was
      sealed
      with
      another
      key`},
	} {
		if got := strings.Join(renderOn(test.width, false, table), "\n"); got != test.want[1:] {
			t.Errorf("in %d columns:\n%s\nwant\n%s", test.width, got, test.want[1:])
		}
	}
}
