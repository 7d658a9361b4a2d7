package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// planSchema is what a plan in a file says that it is.
const planSchema = "ocmt/migrate-plan/v1"

// writePlan writes a plan into a file, in the form that standard output has it.
func (a *App) writePlan(options *planOptions, document planDocument) error {
	text, err := ui.EncodeDocument("migrate-plan", document)
	if err != nil {
		return err
	}
	err = writePrivateFile(a.path(string(options.Out)), text, options.Force,
		"name another file, or add --force if the plan in it is needed by nobody")
	if err != nil {
		return err
	}
	a.printer.Note("wrote the plan to %s (mode 0600); ocmt migrate run --plan holds a run to it", ui.Clean(string(options.Out)))
	return nil
}

// readPlan reads what a plan in a file was made for. Nothing of a file that is
// not one is repeated: it could be anything.
func (a *App) readPlan(name string) (*migrate.Outline, error) {
	text, err := os.ReadFile(a.path(name))
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err // without the path, which could be a secret
		}
		return nil, &ui.Error{Message: "reading the plan file " + shownName(name) + ": " + err.Error(), Code: ui.ExitUsage,
			Hints: []string{"ocmt migrate plan --out writes one"}}
	}
	var document struct {
		Schema string `json:"schema"`
		planDocument
	}
	if json.Unmarshal(text, &document) != nil || document.Schema != planSchema || document.Database.Name == "" {
		return nil, &ui.Error{Message: "the plan file " + shownName(name) + " holds no plan that a run can be held to", Code: ui.ExitUsage,
			Hints: []string{"it has to be a document " + planSchema + ", as ocmt migrate plan --out writes it"}}
	}
	return &document.Outline, nil
}
