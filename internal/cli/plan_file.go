package cli

import (
	"encoding/json"
	"errors"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// planSchema is the schema of a plan in a file.
const planSchema = "ocmt/migrate-plan/v1"

// writePlan writes a plan into a file, in the same form as to standard output.
func (a *App) writePlan(options *planOptions, written planDocument) error {
	text, err := ui.EncodeDocument("migrate-plan", written)
	if err != nil {
		return err
	}
	err = writePrivateFile(a.path(string(options.Out)), text, options.Force,
		"name another file, or add --force if the plan in it is needed by nobody")
	if err != nil {
		return err
	}
	a.printer.Note("wrote the plan to %s (mode 0600); ocmt migrate run --plan holds a run to it", string(options.Out))
	return nil
}

// maxPlan is more bytes than a plan has: some kilobytes for each table.
const maxPlan = 64 << 20

// readPlan reads the outline of a plan in a file. Its errors repeat nothing of a file that is
// no plan, because it could be any file.
func (a *App) readPlan(name string) (*migrate.Outline, error) {
	text, err := a.readInput(name, maxPlan)
	if errors.Is(err, ui.ErrInterrupted) {
		return nil, err
	}
	if err != nil {
		return nil, &ui.Error{Message: "reading the plan file " + shownName(name) + ": " + withoutPath(err).Error(), Code: ui.ExitUsage,
			Hints: []string{"ocmt migrate plan --out writes one"}}
	}
	outline, ok := parsePlan(text)
	if !ok {
		return nil, &ui.Error{Message: "the plan file " + shownName(name) + " holds no plan that a run can be held to", Code: ui.ExitUsage,
			Hints: []string{"it has to be a document " + planSchema + ", as ocmt migrate plan --out writes it"}}
	}
	return outline, nil
}

// parsePlan reads the outline of a plan. The rest of the document is for people and programs: a run is not held to what
// was found wrong, or not looked at.
func parsePlan(text []byte) (*migrate.Outline, bool) {
	var document struct {
		Schema string `json:"schema"`
		migrate.Outline
	}
	if json.Unmarshal(text, &document) != nil || document.Schema != planSchema || document.Database.Name == "" {
		return nil, false
	}
	return &document.Outline, true
}
