package cli

import (
	"encoding/json"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
)

// FuzzPlanFile: no plan file, however it was edited, may end a run in a panic when the run compares it with
// the database, or compare as another plan than it is.
func FuzzPlanFile(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"schema":"` + planSchema + `","database":{"name":"d"}}`,
		`{"schema":"` + planSchema + `","database":{"name":"d"},"tables":[{"schema":"public","table":"secrets","columns":[{"column":"a"}]}]}`, `{"schema":"` + planSchema + `","tables":[null]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		outline, ok := parsePlan(text)
		if !ok {
			return
		}
		if outline.Database.Name == "" {
			t.Error("a plan of no database is taken")
		}
		again, err := json.Marshal(outline)
		if err != nil {
			t.Fatalf("the plan cannot be written: %v", err)
		}
		var same migrate.Outline
		if err := json.Unmarshal(again, &same); err != nil {
			t.Errorf("the plan cannot be read again: %v", err)
		}
	})
}
