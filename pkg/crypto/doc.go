// Package crypto reads, opens and writes the values that OCMT keeps encrypted.
package crypto
