package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// KeyTrial is a value that was tried with two keys. It has digests only.
type KeyTrial struct {
	Schema      string `json:"schema"`
	Table       string `json:"table"`
	Column      string `json:"column"`
	RowDigest   string `json:"row_digest"`   // SHA-256 of the key of the row, in hexadecimal
	ValueDigest string `json:"value_digest"` // SHA-256 of the stored text
	NewOpened   bool   `json:"new_key_opened"`
	OldOpened   bool   `json:"old_key_opened"`
}

// errTried ends a scan once a value was tried.
var errTried = errors.New("a value was tried")

// TryOldKey tries the key of an older version on a value that is under the current version of the ring, as if it were
// the current one, and the current key on it too. It takes the first value that it meets, and returns nil where there
// is none. The error is a *RefusedError where the old key opens the value, or the new one does not.
func TryOldKey(ctx context.Context, conns migrate.Connector, tables []migrate.Table, ring *crypto.Keyring, older int) (*KeyTrial, error) {
	oldKey, known := ring.Key(older)
	if !known {
		return nil, nil
	}
	newAlone, err := ring.Only(ring.Current())
	if err != nil {
		return nil, err
	}
	oldAsNew, err := crypto.NewKeyring(ring.Current(), map[int]crypto.Key{ring.Current(): oldKey})
	if err != nil {
		return nil, err
	}
	conn, err := conns.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	trier := trier{newKey: crypto.NewResealer(newAlone, nil), oldKey: crypto.NewResealer(oldAsNew, nil), version: ring.Current()}
	for _, table := range tables {
		err := conn.Scan(ctx, table, migrate.Scope{}, func(row migrate.Row) error { return trier.try(table, row) })
		if errors.Is(err, errTried) {
			return trier.result, trier.check()
		}
		if err != nil {
			return nil, fmt.Errorf("looking for a value to try the old key on: %w", err)
		}
	}
	return nil, nil
}

// trier tries two keys on one value.
type trier struct {
	newKey, oldKey *crypto.Resealer
	version        int
	result         *KeyTrial
}

// try tries the first value of a row that is under the version. It returns errTried then.
func (t *trier) try(table migrate.Table, row migrate.Row) error {
	for i, text := range row.Values {
		c, err := t.newKey.Parse(text)
		if err != nil || c.Version != t.version {
			continue
		}
		_, err = t.newKey.Open(c)
		opened := err == nil
		c, err = t.oldKey.Parse(text)
		if err != nil {
			continue
		}
		_, err = t.oldKey.Open(c)
		t.result = &KeyTrial{Schema: table.Schema, Table: table.Name, Column: table.Columns[i].Name,
			RowDigest: hexDigest([]byte(table.KeyText(row.Key))), ValueDigest: hexDigest(text), NewOpened: opened, OldOpened: err == nil}
		return errTried
	}
	return nil
}

// check refuses keys that do not do what they should.
func (t *trier) check() error {
	if t.result.NewOpened && !t.result.OldOpened {
		return nil
	}
	return &RefusedError{Finding: wrongTrial(t.result, t.version)}
}

// hexDigest returns the SHA-256 of a text in hexadecimal.
func hexDigest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// wrongTrial says that a value does not open as it should.
func wrongTrial(trial *KeyTrial, version int) finding.Finding {
	found := finding.Finding{Code: finding.MixedKeys, Severity: finding.Error, Where: trial.Schema + "." + trial.Table + "." + trial.Column,
		Message: fmt.Sprintf("a value that is labelled version %d opens with the key of the older version too", version),
		Fix:     "two versions have one key: ocmt validate shows the fingerprints"}
	if !trial.NewOpened {
		found.Code, found.Message = finding.ValuesNotOpened, fmt.Sprintf("a value that is labelled version %d does not open with its key", version)
		found.Fix = "ocmt migrate verify lists what does not open"
	}
	return found
}
