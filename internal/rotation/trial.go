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
// the current one. It takes the first value that the current key opens, and returns nil where there is none: what it
// does not open is for the proof. The error is a *RefusedError where the old key opens the value too.
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
			return trier.result, checkTrial(trier.result, ring.Current())
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

// try tries the first value of a row that is under the version and that the new key opens. It returns errTried then.
func (t *trier) try(table migrate.Table, row migrate.Row) error {
	for i, text := range row.Values {
		c, err := t.newKey.Parse(text)
		if err != nil || c.Version != t.version {
			continue
		}
		if _, err := t.newKey.Open(c); err != nil {
			continue
		}
		if c, err = t.oldKey.Parse(text); err == nil {
			_, err = t.oldKey.Open(c)
		}
		t.result = &KeyTrial{Schema: table.Schema, Table: table.Name, Column: table.Columns[i].Name,
			RowDigest: hexDigest([]byte(table.KeyText(row.Key))), ValueDigest: hexDigest(text), NewOpened: true, OldOpened: err == nil}
		return errTried
	}
	return nil
}

// checkTrial refuses where the old key opens what the new one opens.
func checkTrial(trial *KeyTrial, version int) error {
	if !trial.OldOpened {
		return nil
	}
	return &RefusedError{Finding: finding.Finding{Code: finding.MixedKeys, Severity: finding.Error, Where: trial.Schema + "." + trial.Table + "." + trial.Column,
		Message: fmt.Sprintf("a value that is labelled version %d opens with the key of the older version too", version),
		Fix:     "two versions have one key: ocmt validate shows the fingerprints"}}
}

// hexDigest returns the SHA-256 of a text in hexadecimal.
func hexDigest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
