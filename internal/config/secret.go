package config

import "github.com/ocmt/ocmt/pkg/secret"

// Secret is a text that does not print: see secret.Value.
type Secret = secret.Value

// NewSecret returns a text that does not print. An empty one is not set.
func NewSecret(text string) Secret { return secret.NewValue(text) }
