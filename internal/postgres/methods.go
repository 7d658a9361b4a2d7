package postgres

import (
	"crypto/fips140"
	"errors"
	"slices"
	"strings"
)

// methodsAllowed returns the methods of authentication that a server may ask for, as require_auth has them. In FIPS
// 140-only mode MD5 is not among them: the library panics there, in a goroutine of the driver, which ends the program.
func methodsAllowed(asked string) string {
	switch {
	case !fips140.Enforced():
		return asked
	case asked == "" || strings.HasPrefix(strings.TrimSpace(asked), "!"):
		return strings.TrimPrefix(asked+",!md5", ",")
	}
	isMD5 := func(method string) bool { return strings.TrimSpace(method) == "md5" }
	left := slices.DeleteFunc(strings.Split(asked, ","), isMD5)
	if len(left) == 0 {
		return "!md5"
	}
	return strings.Join(left, ",")
}

// methodRefused returns why the method that the server asks for is not used, "" where that is not what failed. The
// driver has no type for it, and tells it among its other tries, with TLS and without.
func methodRefused(cause error) string {
	if cause == nil {
		return ""
	}
	if text := cause.Error(); strings.HasPrefix(text, "authentication method requirement ") {
		if fips140.Enforced() && strings.HasSuffix(text, "requested md5 authentication") {
			return "the server asks for the password by MD5, which is not approved in FIPS 140-only mode, in which this process runs"
		}
		return text
	}
	if many, ok := cause.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			if refused := methodRefused(one); refused != "" {
				return refused
			}
		}
		return ""
	}
	return methodRefused(errors.Unwrap(cause))
}
