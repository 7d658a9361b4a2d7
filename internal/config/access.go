package config

import (
	"cmp"
	"strconv"
	"time"
)

// Access holds the settings about live access.
type Access struct {
	RedisPrefix                         string // before each key of Redis
	RedisCA, RedisCertificate, RedisKey string // files in PEM form; "" for none
	EndpointCA                          string // a file in PEM form; "" for none
	// AdminToken is what the management server takes from other servers (contract, section 2).
	AdminToken Secret

	maxSessions, timeout             string
	maxSessionsSource, timeoutSource Source
}

// The defaults of the server (contract, section 2).
const (
	defaultMaxSessions    = "5"
	defaultSessionTimeout = "604800000"
)

func (s *Settings) readAccess(r *resolver) error {
	var adminToken, managementToken string
	for _, setting := range []struct {
		name, fallback string
		value          *string
	}{
		{NameRedisPrefix, "", &s.Access.RedisPrefix},
		{NameRedisCA, "", &s.Access.RedisCA},
		{NameRedisCertificate, "", &s.Access.RedisCertificate},
		{NameRedisKey, "", &s.Access.RedisKey},
		{NameEndpointCA, "", &s.Access.EndpointCA},
		{NameAdminToken, "", &adminToken},
		{NameManagementToken, "", &managementToken},
		{NameMaxSessions, defaultMaxSessions, &s.Access.maxSessions},
		{NameSessionTimeout, defaultSessionTimeout, &s.Access.timeout},
	} {
		text, err := r.lookup(setting.name, setting.fallback)
		if err != nil {
			return err
		}
		*setting.value = text
	}
	s.Access.AdminToken = NewSecret(cmp.Or(adminToken, managementToken))
	s.Access.maxSessionsSource, s.Access.timeoutSource = r.sources[NameMaxSessions], r.sources[NameSessionTimeout]
	return nil
}

// MaxSessions returns how many sessions the server allows each user. It is read when it is needed,
// because other commands do not depend on it. The error is an *InvalidError.
func (a Access) MaxSessions() (int, error) {
	most, err := strconv.Atoi(a.maxSessions)
	if err != nil || most < 1 {
		return 0, &InvalidError{Name: NameMaxSessions, Source: a.maxSessionsSource, Reason: "must be a whole number from 1"}
	}
	return most, nil
}

// SessionTimeout returns how long the server lets a session live. The error is an *InvalidError.
func (a Access) SessionTimeout() (time.Duration, error) {
	length, err := strconv.ParseInt(a.timeout, 10, 64)
	if err != nil || length < 1 || length > int64(10*365*24*time.Hour/time.Millisecond) {
		return 0, &InvalidError{Name: NameSessionTimeout, Source: a.timeoutSource, Reason: "must be a whole number of milliseconds, up to ten years"}
	}
	return time.Duration(length) * time.Millisecond, nil
}
