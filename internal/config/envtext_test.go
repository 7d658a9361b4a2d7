package config_test

import (
	"maps"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// If this fails, an audit compares other texts than the servers read, and calls tokens equal that are not.
func TestParsesEnvTextAsTheServersDo(t *testing.T) {
	t.Parallel()
	got, err := config.ParseEnv([]byte("# comment\nexport A=one # behind\nB='two # words'\r\nA=\"last\\nline\"\n"))
	if want := map[string]string{"A": "last\nline", "B": "two # words"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %d settings, %v", len(got), err)
	}
	if _, err := config.ParseEnv([]byte("no assignment\n")); err == nil {
		t.Error("a line that is no assignment passes")
	}
}
