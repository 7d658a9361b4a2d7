package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// tellUnknownVersion says of a version to leave that nothing here knows that it is unknown, instead of that leaving it
// goes backwards: whoever mistypes a number is not to be led to --allow-downgrade. Where the record cannot be read, the
// error stays as it is.
func (a *App) tellUnknownVersion(ctx context.Context, settings *config.Settings, from versionFlag, err error) error {
	var refused *rotation.RefusedError
	if !from.set || !errors.As(err, &refused) || refused.Finding.Code != finding.Downgrade {
		return err
	}
	ring, failed := settings.Keyring(nil)
	if failed != nil {
		return err
	}
	if _, known := ring.Key(from.number); known {
		return err
	}
	keys, failed := a.recordedKeys(ctx, settings)
	if failed != nil || rotation.KeyOf(keys, from.number) != nil {
		return err
	}
	found := refused.Finding
	found.Message = fmt.Sprintf("there is no key version %d: no key of it is set here, and the record has none", from.number)
	found.Fix = "ocmt rotate status lists the versions that there are, with how many values each has"
	return &rotation.RefusedError{Finding: found}
}

// nameCopyOfKey adds to an error that says that the key of a version is not set where the record knows a copy of it.
func (a *App) nameCopyOfKey(ctx context.Context, settings *config.Settings, version int, err error) error {
	var missing *config.MissingError
	if !errors.As(err, &missing) || missing.Name != rotation.SettingOf(version) {
		return err
	}
	keys, failed := a.recordedKeys(ctx, settings)
	key := rotation.KeyOf(keys, version)
	if failed != nil || key == nil || key.Escrow == nil || key.Escrow.File == "" {
		return err
	}
	return &ui.Error{Message: err.Error(), Code: ui.ExitUsage,
		Hints: []string{missing.Advice + "; a copy of it was " + ui.Clean(key.Escrow.String())}}
}

// recordedKeys returns the key versions that the record of the database has.
func (a *App) recordedKeys(ctx context.Context, settings *config.Settings) ([]rotation.RecordedKey, error) {
	db, err := a.openDatabase(settings)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	return db.record.KeyStates(ctx)
}
