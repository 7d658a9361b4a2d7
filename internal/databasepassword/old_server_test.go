package databasepassword_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, an operator of PostgreSQL 13 cannot change the password, or not with two roles.
func TestOldServer(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 13)
	if err := askForPasswords(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	d := newDeploymentOn(t, server)
	old := d.store.held[databasepassword.Setting]
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err)
	}
	d.wantDone(old)
	d, request := newTwoRolesOn(newDeploymentOn(t, server))
	old = d.store.held[databasepassword.Setting]
	if _, result, err := d.rotate(request); err != nil || !result.OldRoleLocked {
		t.Fatal(err)
	}
	d.wantDone(old)
}
