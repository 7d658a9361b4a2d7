package config

import (
	"errors"

	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// HasKeys reports whether any encryption key is set.
func (s *Settings) HasKeys() bool {
	return !secret.EncryptionKeySet(s).IsEmpty()
}

// Keyring makes the keyring that values are opened and sealed with, as
// secret.KeySet.Keyring does. Errors are *MissingError and *InvalidError; none holds a
// key.
func (s *Settings) Keyring(to *int) (*crypto.Keyring, error) {
	ring, err := secret.EncryptionKeySet(s).Keyring(to)
	var setting *secret.SettingError
	switch {
	case !errors.As(err, &setting):
		return ring, err
	case setting.Missing:
		return nil, &MissingError{Name: setting.Name, Closed: s.closed, Advice: setting.Advice}
	default:
		return nil, &InvalidError{Name: setting.Name, Source: s.Source(setting.Name), Reason: setting.Reason, Advice: setting.Advice}
	}
}
