package ocmt

import "github.com/ocmt/ocmt/pkg/secret"

// AddressPassword returns the password inside an address, a URL or one in the form of libpq; "" for none.
func AddressPassword(address string) string { return secret.AddressPassword(address) }
