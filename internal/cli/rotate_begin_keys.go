package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// versionText returns a version for a sentence.
func versionText(version int) string { return strconv.Itoa(version) }

// placementOf returns the encryption keys of the settings of this process.
func placementOf(settings *config.Settings) rotation.Placement {
	texts := map[string]secret.Value{}
	kind, _ := secret.Lookup("encryption")
	for _, name := range kind.SettingNames(settings.Names) {
		texts[name] = secret.NewValue(settings.Text(name))
	}
	return rotation.NewPlacement("the settings of this process", texts)
}

// openKeyStore returns the store of the keys, as openStore does, by its absolute path: the record names it
// for processes that run elsewhere.
func (a *App) openKeyStore(settings *config.Settings, flag storeFlag) (secretstore.Store, error) {
	if flag.path == "" && envFileOf(settings) != "" {
		flag.kind, flag.path = storeEnvFile, envFileOf(settings)
	}
	if absolute, err := filepath.Abs(a.path(flag.path)); err == nil && flag.path != "" {
		flag.path = absolute
	}
	return a.openStore(settings, flag)
}

// lookAtLabels looks at the labels of every encrypted column of the database.
func (e *engine) lookAtLabels(ctx context.Context) (*rotation.Look, error) {
	look, _, err := e.lookAtDescribed(ctx)
	return look, err
}

// lookForStatus is lookAtLabels with a gap for each table and column that the look leaves out. A plan refuses because of
// those; a status has to name them.
func (e *engine) lookForStatus(ctx context.Context) (*rotation.Look, error) {
	look, described, err := e.lookAtDescribed(ctx)
	if err != nil {
		return nil, err
	}
	for _, found := range (migrate.Request{Known: knownColumns(e.settings)}).WithoutKnown(described.Findings) {
		look.Gaps = append(look.Gaps, rotation.Gap{What: found.Where, Reason: finding.Reason{Text: found.Message, Missing: found.Rights}})
	}
	return look, nil
}

func (e *engine) lookAtDescribed(ctx context.Context) (*rotation.Look, *migrate.Description, error) {
	described, err := e.db.tables.Describe(ctx, fullCatalogue(e.settings))
	if err != nil {
		return nil, nil, err
	}
	look, err := e.db.labels.Look(ctx, described.Tables)
	return look, described, err
}

// checkKeys makes the plan of a run from the current key to the next one, and refuses where that would be
// refused. The next key is one for the trial alone: the older one may be a key that must not be sealed with.
func (b *beginning) checkKeys(ctx context.Context, from, to int) error {
	kind, _ := secret.Lookup("encryption")
	trial, err := makeSecret(kind, b.app.deps.Random)
	if err != nil {
		return err
	}
	set := secret.NewKeySet(trial.Reveal(), strconv.Itoa(to), map[string]string{strconv.Itoa(from): b.settings.Text(kind.Setting)})
	ring, err := set.Keyring(nil)
	if err != nil {
		return err
	}
	b.engine.request.From = &from
	b.engine.useKeys(ring, to)
	plan, err := b.engine.plan(ctx)
	if err != nil {
		return err
	}
	for i := range plan.Findings {
		adviseToBegin(&plan.Findings[i])
	}
	return plan.Refusal()
}

// keyCodes are the codes about a key that a run can be told to go on with, and a beginning cannot.
var keyCodes = []finding.Code{finding.WrongKey, finding.MixedKeys, finding.Mislabelled, finding.SwappedKeys, finding.RecordedKey}

// adviseToBegin gives a finding of a run the advice that is right before a rotation.
func adviseToBegin(found *finding.Finding) {
	if slices.Contains(keyCodes, found.Code) {
		found.Fix = "compare the fingerprint that ocmt validate shows here with that on a server; a rotation begins with the key that opens the values, and ocmt migrate plan says more of them"
	}
}

// escrowFile is a file for the offline copy of a key.
type escrowFile struct {
	app   *App
	name  string // as the operator gave it
	there bool   // an earlier begin has written it
	// adviseOther says what to do about a file that is there.
	adviseOther string
}

// adviseBegin says what ocmt rotate begin does about a file that is there.
const adviseBegin = "name another file: an offline copy is never replaced; --from-escrow goes on with the key that is in it"

// Check implements rotation.Escrow.
func (e *escrowFile) Check() error {
	if e.there {
		return nil
	}
	path := e.app.path(e.name)
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return &ui.Error{Message: fmt.Sprintf("there is no folder %q", filepath.Dir(path)), Hints: []string{"make it first, with mode 0700"}, Code: ui.ExitFailed}
	}
	return checkTarget(path, false, e.adviseOther)
}

// Write implements rotation.Escrow.
func (e *escrowFile) Write(_ context.Context, key secret.Value) error {
	return writePrivateFile(e.app.path(e.name), key.Reveal()+"\n", false, e.adviseOther)
}

// Where implements rotation.Escrow. Another process may run in another folder.
func (e *escrowFile) Where() string {
	path := e.app.path(e.name)
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// escrowOutput is standard output for the offline copy of a key.
type escrowOutput struct{ app *App }

// Check implements rotation.Escrow.
func (*escrowOutput) Check() error { return nil }

// Write implements rotation.Escrow. An output that nobody reads any more has kept no copy.
func (e *escrowOutput) Write(_ context.Context, key secret.Value) error {
	output := e.app.deps.Streams.Out
	if _, err := io.WriteString(output, key.Reveal()+"\n"); err != nil {
		return withoutPath(err)
	}
	if closable, ok := output.(*closableOutput); ok && closable.closed.Load() {
		return errors.New("nobody reads standard output any more")
	}
	return nil
}

// Where implements rotation.Escrow.
func (*escrowOutput) Where() string { return rotation.EscrowOutput }

// maxEscrow is how many bytes of the file of an offline copy are read.
const maxEscrow = 4 << 10

// errNoPlainFile says that a key is not read from a pipe or a device, which may never end.
var errNoPlainFile = errors.New("it is a pipe, a device or a folder, and no plain file")

// readKeyText reads a file that has one key, and takes the white space around it away. Without O_NONBLOCK it
// would wait for the other end of a pipe.
func readKeyText(path string) (secret.Value, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return secret.Value{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoPlainFile
	}
	if err != nil {
		return secret.Value{}, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxEscrow))
	return secret.NewValue(strings.TrimSpace(string(text))), err
}

// readEscrow reads the offline copy of a key. Its errors repeat nothing of the file.
func (a *App) readEscrow(name string) (secret.Value, error) {
	key, err := readKeyText(a.path(name))
	if err != nil {
		return secret.Value{}, &ui.Error{Message: "reading the offline copy " + shownName(name) + ": " + withoutPath(err).Error(), Code: ui.ExitUsage,
			Hints: []string{"name the file that ocmt rotate begin --escrow has written"}}
	}
	if rotation.FingerprintOf(key) == "" {
		return secret.Value{}, &ui.Error{Message: "the file " + shownName(name) + " holds no encryption key", Code: ui.ExitUsage,
			Hints: []string{"name the file that ocmt rotate begin --escrow has written: it has 64 hexadecimal characters and nothing else"}}
	}
	a.warnOfOpenEscrow(name)
	kind, _ := secret.Lookup("encryption")
	for _, found := range kind.Check(key.Reveal()) {
		if found.Severity == finding.Error {
			return secret.Value{}, &ui.Error{Message: "the key in " + shownName(name) + " must not be sealed with: it " + found.Message, Code: ui.ExitRefused,
				Hints: []string{"make a new one with --escrow"}}
		}
	}
	return key, nil
}

// openToOthers are the permission bits by which others than its owner can read or write a file.
const openToOthers fs.FileMode = 0o077

// warnOfOpenEscrow says who else may know the key of an offline copy.
func (a *App) warnOfOpenEscrow(name string) {
	info, err := os.Stat(a.path(name))
	if err != nil {
		return // it has been read, and is gone since
	}
	if mode := info.Mode().Perm(); mode&openToOthers != 0 {
		a.printer.Warn("others can read or write the offline copy %s, which has mode %04o: chmod 600 it, and see who may know the key", shownName(name), mode)
	}
	if status, known := info.Sys().(*syscall.Stat_t); known && status.Uid != 0 && int(status.Uid) != os.Geteuid() {
		a.printer.Warn("the offline copy %s belongs to another account (user %d), which may know the key", shownName(name), status.Uid)
	}
}
