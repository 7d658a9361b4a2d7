package dotenv_test

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/dotenv"
)

// dotenvCase is a text, and what Node's dotenv reads from it.
type dotenvCase struct {
	Text   string            `json:"text"`
	Values map[string]string `json:"values"`
}

func dotenvCases(t testing.TB) []dotenvCase {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/dotenv.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []dotenvCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors.Cases
}

func valuesOf(list []dotenv.Assignment) map[string]string {
	values := map[string]string{}
	for _, found := range list {
		values[found.Name] = found.Value
	}
	return values
}

// If this fails, ocmt seals values under another key than the servers have, because both
// read the same .env differently.
func TestReadsEnvFilesAsNodeDoes(t *testing.T) {
	t.Parallel()
	cases := dotenvCases(t)
	if len(cases) < 2000 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		if got := valuesOf(dotenv.Parse(c.Text)); !maps.Equal(got, c.Values) {
			t.Errorf("%q reads as %q, and Node reads %q", c.Text, got, c.Values)
		}
	}
}

// If this fails, a text that differs in its line ends alone reads differently, or the place
// of a value is outside of the file, so that an edit would spoil another setting.
func FuzzDotenv(f *testing.F) {
	for _, c := range dotenvCases(f)[:200] {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := dotenv.Parse(text)
		if got := valuesOf(dotenv.Parse(dotenv.NormaliseLineEnds(text))); !maps.Equal(got, valuesOf(list)) {
			t.Errorf("%q reads differently with other line ends", text)
		}
		normal, last := dotenv.NormaliseLineEnds(text), 0
		for _, found := range list {
			if found.Start < last || found.End < found.Start || found.End > len(normal) || !strings.HasPrefix(normal[found.Start:], found.Name) ||
				found.Begin > found.Start || found.RawStart < found.Start || found.RawEnd < found.RawStart || found.RawEnd > found.End {
				t.Fatalf("%q: the assignment of %q is at %d to %d", text, found.Name, found.Start, found.End)
			}
			last = found.End
		}
	})
}
