// Package token changes a token that stands in several places, such as both sides of a connection, and proves
// that servers take the new one and refuse the old one. Every place is compared before it is written. A place
// that fails has the others put back.
package token
