package netconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"syscall"
)

// Failure says why a connection was not made, or broke.
type Failure int

// The failures that call for different things to do. The zero value is one that has no words here.
const (
	OtherFailure    Failure = iota
	NoAnswer                // nothing came in the time that was given
	Refused                 // nothing listens there
	UnknownHost             // the name has no address, or no name server says so
	NoRoute                 // the network does not lead there
	Closed                  // the other side ended the connection
	NoSocket                // a socket that is a file is not there, or not for this account
	NoTLS                   // the other side does not speak TLS
	NotTrusted              // nobody that is trusted here has signed its certificate
	OtherName               // its certificate is for another host name
	Expired                 // its certificate is not valid now
	WantsOurs               // it wants a certificate of ours, or takes ours for a bad one
	OtherTLSFailure         // the two sides do not agree on TLS
)

// failureTexts are the failures in words. None of them repeats an address.
var failureTexts = map[Failure]string{
	NoAnswer:        "no answer in time",
	Refused:         "nothing listens there: connection refused",
	UnknownHost:     "no address is known for this host name",
	NoRoute:         "the network does not lead there",
	Closed:          "it closed the connection at once",
	NoSocket:        "there is no socket that this account may use",
	NoTLS:           "it does not speak TLS",
	NotTrusted:      "its certificate is signed by nobody that is trusted here",
	OtherName:       "its certificate is for another host name",
	Expired:         "its certificate is not valid now: it has expired, or is not valid yet",
	WantsOurs:       "it does not take the certificate of this client, or wants one",
	OtherTLSFailure: "the two sides do not agree on TLS",
}

// String returns the failure in words, "" for OtherFailure.
func (f Failure) String() string { return failureTexts[f] }

// IsTLS reports whether TLS is what failed.
func (f Failure) IsTLS() bool { return f >= NoTLS }

// FailureOf returns why a connection failed, by the errors of the standard library.
func FailureOf(err error) Failure {
	if failure := failureOfTLS(err); failure != OtherFailure {
		return failure
	}
	var lookup *net.DNSError
	var timed net.Error
	switch {
	case errors.As(err, &lookup):
		return UnknownHost
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return NoAnswer
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return NoRoute
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return NoSocket
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return Closed
	}
	return OtherFailure
}

// failureOfTLS returns what of TLS failed, OtherFailure where it is not that.
func failureOfTLS(err error) Failure {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	var verification *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &authority), errors.As(err, &roots):
		return NotTrusted
	case errors.As(err, &name):
		return OtherName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &invalid), errors.As(err, &verification):
		return NotTrusted
	case errors.As(err, &header):
		return NoTLS
	case errors.As(err, &alert):
		return failureOfAlert(alert)
	}
	return OtherFailure
}

// failureOfAlert reads an alert of the other side (RFC 8446, section 6.2): 42 to 49 and 116 are about
// the certificate of this side.
func failureOfAlert(alert tls.AlertError) Failure {
	const badCertificate, accessDenied, certificateRequired = 42, 49, 116
	if alert >= badCertificate && alert <= accessDenied || alert == certificateRequired {
		return WantsOurs
	}
	return OtherTLSFailure
}
