package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// The servers read DATABASE_URL with node-postgres (pg-connection-string), which knows other
// parameters than libpq does, and means something else by some. An address is brought into the
// form that pgx reads: what node-postgres means is kept, and what means nothing here is passed
// over and named.

// ErrAddress says that DATABASE_URL cannot be read. It repeats nothing of it.
var ErrAddress = errors.New("DATABASE_URL is not an address that PostgreSQL understands")

// AddressError says which part of an address, which file or which PG* variable is at fault. It
// repeats a value only where it is a plain word, because it can be a password in the wrong place. It is an ErrAddress.
type AddressError struct {
	Name    string // of the parameter of DATABASE_URL, or of the variable
	Problem string
}

// Error names what is at fault.
func (e *AddressError) Error() string {
	if strings.HasPrefix(e.Name, "PG") {
		return e.Name + ": " + e.Problem
	}
	return "DATABASE_URL: " + e.Name + ": " + e.Problem
}

// Is reports that it is an ErrAddress.
func (e *AddressError) Is(target error) bool { return target == ErrAddress }

// keptParameters are those that pgx reads as libpq does.
var keptParameters = []string{"host", "port", "user", "password", "dbname", "database", "passfile", "connect_timeout", "sslmode", "sslkey", "sslcert",
	"sslcertmode", "sslrootcert", "sslnegotiation", "sslpassword", "sslsni", "krbspn", "krbsrvname", "target_session_attrs", "service", "servicefile",
	"channel_binding", "require_auth", "min_protocol_version", "max_protocol_version", "options"}

// serverParameters are settings of the server, which go to it as they are.
var serverParameters = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout",
	"search_path", "timezone", "TimeZone", "datestyle", "DateStyle", "intervalstyle", "role", "default_transaction_isolation", "default_transaction_read_only"}

// ownParameters are set by this package, whatever the address says.
var ownParameters = []string{"application_name", "fallback_application_name", "client_encoding", "encoding"}

// plainName matches what can be the name of a parameter.
var plainName = regexp.MustCompile("^[A-Za-z][A-Za-z_.]{0,40}$")

// shownName returns the name of a parameter, unless it could be a part of a password.
func shownName(name string) string {
	if plainName.MatchString(name) && !secret.Resembles(name) {
		return name
	}
	return "[not shown]"
}

// sslModes are the values of sslmode: those of libpq, and one of node-postgres.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify"}

// normaliseAddress returns an address in the form that pgx reads, and the names of the parameters
// that mean nothing here. The error is ErrAddress, or an *AddressError.
func normaliseAddress(address string) (normal string, passedOver []string, err error) {
	if !strings.Contains(address, "://") {
		return address, nil, checkVariables()
	}
	parsed, err := url.Parse(strings.TrimSpace(address))
	if err != nil || isMisread(address) {
		return "", nil, ErrAddress
	}
	query := parsed.Query()
	if err := translateTLS(query); err != nil {
		return "", nil, err
	}
	for name := range query {
		if slices.Contains(keptParameters, name) || slices.Contains(serverParameters, name) {
			continue
		}
		query.Del(name)
		if !slices.Contains(ownParameters, name) {
			passedOver = append(passedOver, shownName(name))
		}
	}
	slices.Sort(passedOver)
	if err := checkParameters(query, func(name string) string { return name }); err != nil {
		return "", nil, err
	}
	// Encode writes a space as a +, which node-postgres reads as a space, and the driver as a +.
	parsed.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return parsed.String(), passedOver, checkVariables()
}

// translateTLS turns what node-postgres means by its parameters into what libpq calls it. For
// node-postgres require and verify-ca verify as verify-full does, unless uselibpqcompat says
// otherwise, and no-verify encrypts without verifying.
func translateTLS(query url.Values) error {
	mode, err := readMode(query)
	if err != nil {
		return err
	}
	if mode != "" && !slices.Contains(sslModes, mode) {
		return &AddressError{"sslmode", "it is one of " + strings.Join(sslModes, ", ") + secret.AndGiven(mode)}
	}
	compatible := query.Get("uselibpqcompat") == "true"
	query.Del("uselibpqcompat")
	switch {
	case mode == "no-verify":
		query.Del("sslrootcert") // with it, libpq would verify
		mode = "require"
	case !compatible && (mode == "require" || mode == "verify-ca"):
		mode = "verify-full"
	}
	if mode != "" {
		query.Set("sslmode", mode)
	}
	if mode == "verify-full" && query.Get("sslrootcert") == "" && os.Getenv("PGSSLROOTCERT") == "" && !compatible {
		query.Set("sslrootcert", "system")
	}
	return nil
}

// readMode returns what ssl says, or else sslmode, "" for neither.
func readMode(query url.Values) (string, error) {
	defer query.Del("ssl")
	switch query.Get("ssl") {
	case "":
		return query.Get("sslmode"), nil
	case "true", "1":
		return "require", nil
	case "false", "0":
		return "disable", nil
	case "no-verify":
		return "no-verify", nil
	}
	return "", &AddressError{"ssl", "it is true, false or no-verify"}
}

// checkFiles refuses files that cannot be read.
func checkFiles(values url.Values, name func(parameter string) string) error {
	for _, parameter := range []string{"sslcert", "sslkey", "sslrootcert", "servicefile"} {
		path := values.Get(parameter)
		if path == "" || path == "system" {
			continue
		}
		if err := checkFile(path); err != nil {
			return &AddressError{name(parameter), fmt.Sprintf("the file %s cannot be read: %v", path, err)}
		}
	}
	return nil
}

// checkFile refuses a file that cannot be read, or is none: the driver would wait for a pipe for ever.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return errors.New("it is no plain file")
	}
	if err == nil {
		var file *os.File
		if file, err = os.Open(path); err == nil {
			return file.Close()
		}
	}
	var about *fs.PathError
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// checkParameters refuses values that pgx could not read, so that the message names what is at
// fault. The names of the values are told by name.
func checkParameters(values url.Values, name func(parameter string) string) error {
	if err := checkFiles(values, name); err != nil {
		return err
	}
	for _, parameter := range []string{"port", "connect_timeout"} {
		for _, number := range strings.Split(values.Get(parameter), ",") {
			if n, err := strconv.Atoi(number); number != "" && (err != nil || n < 0 || n > 65535) {
				return &AddressError{name(parameter), "it is no number that fits"}
			}
		}
	}
	if mode := values.Get("sslmode"); mode != "" && (!slices.Contains(sslModes, mode) || mode == "no-verify") {
		return &AddressError{name("sslmode"), "it is one of " + strings.Join(sslModes[:len(sslModes)-1], ", ") + secret.AndGiven(mode)}
	}
	attributes := []string{"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}
	if wanted := values.Get("target_session_attrs"); wanted != "" && !slices.Contains(attributes, wanted) {
		return &AddressError{name("target_session_attrs"), "it is one of " + strings.Join(attributes, ", ") + secret.AndGiven(wanted)}
	}
	return nil
}

// variables are the variables of libpq that pgx reads, by the parameter that they set.
var variables = map[string]string{"sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT", "servicefile": "PGSERVICEFILE",
	"port": "PGPORT", "connect_timeout": "PGCONNECT_TIMEOUT", "sslmode": "PGSSLMODE", "target_session_attrs": "PGTARGETSESSIONATTRS"}

// checkVariables refuses variables that pgx could not read.
func checkVariables() error {
	values := url.Values{}
	for parameter, variable := range variables {
		if value := os.Getenv(variable); value != "" {
			values.Set(parameter, value)
		}
	}
	return checkParameters(values, func(parameter string) string { return variables[parameter] })
}

// isMisread reports whether a password that was not escaped made the address fall
// apart in the wrong places: there is an @, and no account before it.
func isMisread(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme != "" && parsed.User == nil && strings.Contains(address, "@")
}
