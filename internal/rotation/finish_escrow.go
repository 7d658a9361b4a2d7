package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// KeyFile is a file for the copy of a key that is taken away.
type KeyFile interface {
	Escrow
	// Read returns the text of the file, and whether the file is there. The error says why it could not be read. It is
	// ErrInStore, as that of Check, where the file goes with the key.
	Read(ctx context.Context) (text secret.Value, there bool, err error)
}

// ErrInStore says that a file is one of the store that the key is taken out of.
var ErrInStore = errors.New("it lies in the store that the key is taken out of, so it is no copy")

// EscrowState says what is known of a copy of a key that is taken away.
type EscrowState string

// The states of a copy. It is "" where an earlier version of this program took the key away and did not ask.
const (
	EscrowCompared  EscrowState = "compared"   // the file was read, and holds the key
	EscrowToWrite   EscrowState = "to_write"   // the key is to be written into the file
	EscrowWritten   EscrowState = "written"    // the key was written into the file before it was taken away, and read back
	EscrowAtBegin   EscrowState = "at_begin"   // ocmt rotate begin has written it into the file, which was not looked at
	EscrowElsewhere EscrowState = "elsewhere"  // the operator says that a copy is kept elsewhere
	EscrowNotNeeded EscrowState = "not_needed" // no backup needs the key any more, as --backups-until says
)

// KeyEscrow is what is known of a copy of a key that is taken away. It has no secret.
type KeyEscrow struct {
	State EscrowState `json:"state"`
	File  string      `json:"file"` // "" where none is known
	Host  string      `json:"host"` // that has the file
}

// String says it as the end of a sentence about the copy of a key.
func (e KeyEscrow) String() string {
	place := e.File + " on " + e.Host
	switch e.State {
	case EscrowCompared:
		return "in " + place + ", which was read and holds the key"
	case EscrowToWrite:
		return "to be written into the new file " + place
	case EscrowWritten:
		return "written into " + place + ", and read back"
	case EscrowAtBegin:
		return "written at begin into " + place + "; not looked at"
	case EscrowElsewhere:
		return "kept elsewhere, as the operator says"
	case EscrowNotNeeded:
		return "not asked for, because no backup needs the key any more"
	}
	return "not known, because nobody was asked"
}

// chooseEscrow returns what is known of a copy of the old key, and refuses where the store may have the last one. The
// fingerprint is of that key, and today the day of the server.
func (f Finisher) chooseEscrow(ctx context.Context, request FinishRequest, old RecordedKey, fingerprint string, today time.Time) (KeyEscrow, error) {
	switch {
	case request.Escrow != "":
		return f.findEscrow(ctx, request, old.Version, fingerprint)
	case request.NoEscrow:
		return KeyEscrow{State: EscrowElsewhere}, nil
	case !request.BackupsUntil.After(today.UTC()):
		return KeyEscrow{State: EscrowNotNeeded}, nil
	case escrowFile(&old) != "":
		return f.findBegunEscrow(ctx, request, old, fingerprint)
	}
	return KeyEscrow{}, f.refuseLastCopy(request, old)
}

// findEscrow compares the file that the operator named, or says that the key is to be written into it.
func (f Finisher) findEscrow(ctx context.Context, request FinishRequest, version int, fingerprint string) (KeyEscrow, error) {
	file := f.OpenEscrow(request.Escrow)
	found := KeyEscrow{State: EscrowToWrite, File: file.Where(), Host: request.Host}
	text, there, err := file.Read(ctx)
	switch {
	case err != nil:
		return found, err
	case !there:
		return found, file.Check()
	}
	found.State = EscrowCompared
	return found, checkCopy(found.File, version, text, fingerprint)
}

// findBegunEscrow returns what is known of the copy that ocmt rotate begin has written. Its file may be on another
// machine, or on a medium that is not here.
func (f Finisher) findBegunEscrow(ctx context.Context, request FinishRequest, old RecordedKey, fingerprint string) (KeyEscrow, error) {
	begun := KeyEscrow{State: EscrowAtBegin, File: old.Begun.Escrow, Host: old.Begun.Host}
	text, there, err := f.OpenEscrow(begun.File).Read(ctx)
	switch {
	case errors.Is(err, ErrInStore):
		return begun, err
	case err != nil || !there:
		return begun, nil //nolint:nilerr // the state says that the file was not looked at
	}
	return KeyEscrow{State: EscrowCompared, File: begun.File, Host: request.Host}, checkCopy(begun.File, old.Version, text, fingerprint)
}

// checkCopy refuses a file that holds something else than the key of a version.
func checkCopy(file string, version int, text secret.Value, fingerprint string) error {
	message := ""
	switch held := FingerprintOf(text); held {
	case fingerprint:
		return nil
	case "":
		message = file + " holds no encryption key"
	default:
		message = fmt.Sprintf("%s holds the key of fingerprint %s, and that of version %d has %s", file, held, version, fingerprint)
	}
	return refuse(finding.OtherKey, version, message, "name the file that holds the key of this version, or a new file, with --escrow; or say with --no-escrow that a copy is kept elsewhere")
}

// refuseLastCopy refuses because nothing shows that there is a copy beside the store.
func (f Finisher) refuseLastCopy(request FinishRequest, old RecordedKey) *RefusedError {
	why := "nothing shows that a copy of it exists"
	if old.Begun != nil && old.Begun.Escrow == EscrowOutput {
		why = "nothing shows where its offline copy is, which went to standard output"
	}
	return &RefusedError{Finding: finding.Finding{Code: finding.NoCopy, Severity: finding.Error, Where: versionName(old.Version),
		Message: fmt.Sprintf("backups need the key of version %d until %s, and beside %s %s", old.Version, request.BackupsUntil.Format(time.DateOnly), f.Store.Place(), why),
		Fix:     "add --escrow FILE: a file that holds the key is compared, and into a new one the key is written first"},
		Or: "or add --no-escrow: it says, for the record, that a copy is kept elsewhere"}
}

// chooseEscrowAgain returns what is known of a copy of a key that an earlier command has proven to be unused. Where the
// key is gone from the store, nothing can be written any more, and nothing is to be kept back.
func (f Finisher) chooseEscrowAgain(ctx context.Context, request FinishRequest, old RecordedKey, evidence *Evidence, there bool, today time.Time) (KeyEscrow, error) {
	isSettled := evidence.Escrow.State != "" || !there && !request.NoEscrow
	if request.Escrow == "" && isSettled {
		return evidence.Escrow, nil
	}
	until, err := time.Parse(time.DateOnly, evidence.BackupsUntil)
	if err != nil {
		return KeyEscrow{}, fmt.Errorf("reading until when backups need key version %d: %w", old.Version, err)
	}
	request.BackupsUntil = until
	found, err := f.chooseEscrow(ctx, request, old, evidence.Fingerprint, today)
	if err == nil && found.State == EscrowToWrite && !there {
		err = f.nothingToWrite(old.Version, found.File)
	}
	return found, err
}

// keepCopy writes the key into its file, where that is still to be done.
func (f Finisher) keepCopy(ctx context.Context, evidence *Evidence, key secret.Value) error {
	if evidence.Escrow.State != EscrowToWrite {
		return nil
	}
	if err := f.OpenEscrow(evidence.Escrow.File).Write(ctx, key); err != nil {
		return fmt.Errorf("writing the copy of the key of version %d, which stays in %s: %w", evidence.Version, f.Store.Place(), err)
	}
	evidence.Escrow.State = EscrowWritten
	return nil
}
