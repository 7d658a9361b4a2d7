package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/rotation/evidence"
	"github.com/ocmt/ocmt/internal/ui"
)

// printEvidence shows what is known of a key before it is taken away.
func printEvidence(printer *ui.Printer, found *rotation.Evidence) {
	printer.Heading(fmt.Sprintf("Key version %d, fingerprint %s", found.Version, found.Fingerprint))
	printer.Line("Proven at %s in the database %s, WAL position %s: each of %s is met.", found.ProvenAt.UTC().Format(time.DateTime+" UTC"), found.Database.Name, found.WAL,
		ui.Count(int64(len(found.Conditions)), "condition", "conditions"))
	switch trial := found.Trial; {
	case trial != nil:
		printer.Line("Tried on a value of %s.%s.%s: the new key opens it, and the old key does not.", trial.Schema, trial.Table, trial.Column)
	case found.Opened > 0:
		printer.Line("The old key was not there any more to be tried.")
	default:
		printer.Line("There was no value under version %d to try the old key on.", found.NewVersion)
	}
	if len(found.NoWrites) > 0 {
		printer.Line("Taken on the operator's word, that no secret is written to: %s.", strings.Join(found.NoWrites, ", "))
	}
	if backupsArePast(found) {
		printer.Line("No backup of the database needs the key, as --backups-until says: %s is past.", found.BackupsUntil)
	} else {
		printer.Line("Backups of the database need the key until %s: keep it in its escrow until then.", found.BackupsUntil)
	}
	printer.Line("Copy of the key: %s.", found.Escrow.String())
}

// print says what became of the key, and what is left to do.
func (f *finishing) print(finished *rotation.Finished, files []string) {
	printer, found := f.engine.app.printer, finished.Evidence
	name := rotation.SettingOf(found.Version)
	switch taken, is := f.store.(*dryStore); {
	case is && taken.taken[name]:
		printer.Line("\nNothing was changed. %s would be taken out of %s.", name, f.store.Place())
		return
	case is:
		printer.Line("\nNothing was changed. %s is gone from %s already.", name, f.store.Place())
		return
	}
	printer.Line("\n%s", printer.Paint(ui.Good, fmt.Sprintf("Done. %s is gone from %s, and version %d is recorded as retired.", name, ui.Clean(f.store.Place()), found.Version)))
	if stated := f.options.BackupsUntil; !stated.IsZero() && stated.String() < found.BackupsUntil {
		printer.Line("--backups-until said %s, and an earlier command said %s: the later day stays.", stated.String(), found.BackupsUntil)
	}
	if finished.Resumed {
		printer.Line("An earlier command had proven the key to be unused, at %s.", found.ProvenAt.UTC().Format(time.DateTime+" UTC"))
	}
	for _, file := range files {
		printer.Line("Evidence: %s", file)
	}
	if !backupsArePast(found) {
		printer.Line("Keep the key in its escrow until %s, for backups of the database from before the rotation.", found.BackupsUntil)
	}
	printer.Line("A server keeps the old key in its memory until it restarts. None has to restart to go on working.")
	printer.Line("")
	printStep(printer, rotation.Step{Text: "restart each management server when it suits you, so that the key is in no process any more"})
	printStep(printer, rotation.Step{Command: fmt.Sprintf("ocmt rotate finish --from-version %d --store PLACE --yes", found.Version),
		Text: "for each other place that has " + name})
}

// backupsArePast reports whether the last day on which a backup needed the key was over when it was proven unused.
func backupsArePast(found *rotation.Evidence) bool {
	return found.BackupsUntil < found.ProvenAt.UTC().Format(time.DateOnly)
}

// evidenceSuffix ends the name of a file of evidence; pageSuffix takes its place for the page.
const (
	evidenceSuffix = ".json"
	pageSuffix     = ".html"
)

// evidenceTexts returns the document and the page of evidence, by the names of their files.
func (a *App) evidenceTexts(name string, found *rotation.Evidence) (paths, texts []string, err error) {
	document, err := ui.EncodeDocument("rotate-evidence", found)
	if err != nil {
		return nil, nil, err
	}
	var page bytes.Buffer
	if err := evidence.WritePage(&page, found, a.deps.Version); err != nil {
		return nil, nil, err
	}
	return []string{name, strings.TrimSuffix(name, evidenceSuffix) + pageSuffix}, []string{document, page.String()}, nil
}

// checkEvidence refuses files that are there and hold something else, and a folder that takes none, before anything is
// changed.
func (a *App) checkEvidence(name string, found *rotation.Evidence) error {
	if name == "" {
		return nil
	}
	paths, texts, err := a.evidenceTexts(name, found)
	for i := range paths {
		if err == nil {
			_, err = a.isWritten(paths[i], texts[i])
		}
	}
	if err != nil {
		return err
	}
	return tryFolder(filepath.Dir(a.path(name)))
}

// tryFolder returns an error where no file can be made in a folder.
func tryFolder(folder string) error {
	temporary, err := writeTemporary(folder, "")
	if err != nil {
		return fmt.Errorf("trying to write evidence: %w", err)
	}
	if err := os.Remove(temporary); err != nil {
		return fmt.Errorf("removing the temporary file: %w", err)
	}
	return nil
}

// maxEvidence is more bytes than the evidence about a key has.
const maxEvidence = 64 << 20

// isWritten reports whether a file is there and holds a text. The error refuses one that holds another.
func (a *App) isWritten(name, text string) (bool, error) {
	held, err := files.ReadRegular(a.path(name), maxEvidence)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking at the file for the evidence: %w", err)
	case string(held) != text:
		return false, existsError(name, "name another file with --evidence")
	}
	return true, nil
}

// writeEvidence writes the document and the page of evidence, and returns the names of their files. What an earlier
// command has written of it stays.
func (a *App) writeEvidence(name string, found *rotation.Evidence) ([]string, error) {
	paths, texts, err := a.evidenceTexts(name, found)
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		there, err := a.isWritten(path, texts[i])
		if err == nil && !there {
			err = writePrivateFile(a.path(path), texts[i], false, "name another file with --evidence")
		}
		if err != nil {
			return nil, unwrittenEvidence(err, found.Version)
		}
	}
	return paths, nil
}

// unwrittenEvidence says that the key is gone, and only the evidence is not written.
func unwrittenEvidence(err error, version int) error {
	return &ui.Error{Message: fmt.Sprintf("the key of version %d is gone and recorded as retired; its evidence was not written: %v", version, err), Code: ui.ExitFailed,
		Hints: []string{fmt.Sprintf("run it again with another file: ocmt rotate finish --from-version %d --evidence FILE.json", version)}}
}
