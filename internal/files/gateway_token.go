package files

import (
	"os"

	"github.com/ocmt/ocmt/pkg/secret"
)

// ReadGatewayToken returns gateway.auth.token of an openclaw.json (JSON5), and whether it is set there: one that
// is set to nothing wins over the environment. A reference to a variable, as in "${NAME}", is not set. Errors
// are those of the system, and one for a file that is no JSON5 or that takes the token from another file; none
// repeats anything of the file.
func ReadGatewayToken(path string) (token secret.Value, set bool, err error) {
	text, err := readGatewayToken(path)
	if err != nil || text == nil {
		return secret.Value{}, false, err
	}
	return secret.NewValue(*text), true, nil
}

// ModeOf returns the permission bits of the file of a path, or of the one that a link leads to. Errors are those
// of the system.
func ModeOf(path string) (uint32, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return uint32(info.Mode().Perm()), nil
}
