package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// lookRedisPassword is OCMT-RDS-001.
func lookRedisPassword(ctx context.Context, sources *Sources, server RedisServer) (seen Seen, err error) {
	place := server.Place()
	greeting, err := server.Greet(ctx)
	if err != nil {
		return seen, err
	}
	switch {
	case greeting == RedisAsksPassword, greeting == RedisProtected, greeting == RedisAnswers && place.Private:
	case greeting == RedisAnswers:
		seen.Faults = []Fault{{Object: "redis " + place.Address, Cause: "Redis", Message: "asks for no password", Expected: string(RedisAsksPassword),
			Actual: string(greeting) + " over " + string(place.Reach), Places: []string{place.Address}, File: redisFile(sources)}}
	case greeting == RedisMayNotPing:
		seen.Gaps = []Gap{{What: "what " + place.Address + " lets do without a password", Reason: "the default user needs none, and may not PING", Grant: "ACL SETUSER default off"}}
	default:
		seen.Gaps = []Gap{{What: "whether " + place.Address + " asks for a password", Reason: "its answer to PING is not one of Redis"}}
	}
	return seen, nil
}

// lookRedisTLS is OCMT-RDS-002.
func lookRedisTLS(ctx context.Context, sources *Sources, server RedisServer) (seen Seen, err error) {
	place := server.Place()
	if place.Reach != RedisNetwork {
		return seen, nil
	}
	fault := Fault{Object: "redis " + place.Address, Places: []string{place.Address}, File: redisFile(sources)}
	switch {
	case place.Verified:
		_, err = server.Greet(ctx) // an answer is the proof: the certificate was verified
		var gap *GapError
		if errors.As(err, &gap) {
			return seen, &GapError{Gap{What: "the certificate of " + place.Address, Reason: gap.Gap.Reason}}
		}
		return seen, err
	case place.TLS:
		fault.Cause, fault.Message = "the certificate of Redis", "is not verified"
		fault.Expected, fault.Actual = "rediss:// without skip_verify", "skip_verify in REDIS_URL"
		fault.Fix = "take skip_verify out of REDIS_URL, and give the authority's certificate to the servers"
	default:
		fault.Cause, fault.Message = "the connection to Redis", "has no TLS"
		fault.Expected, fault.Actual = "rediss://", "redis:// over "+string(place.Reach)
		speaks, err := server.SpeaksTLS(ctx)
		if ctx.Err() != nil {
			return seen, err
		}
		if err == nil && speaks {
			fault.Actual += ", and the port speaks TLS"
			fault.Fix = "write rediss:// in REDIS_URL: the port speaks TLS"
		}
	}
	seen.Faults = []Fault{fault}
	return seen, nil
}

// lookRedisUser is OCMT-RDS-003.
func lookRedisUser(ctx context.Context, sources *Sources, server RedisServer) (seen Seen, err error) {
	_, application, err := server.Users(ctx)
	if err != nil && application == "" {
		return seen, err
	}
	if application == "default" {
		seen.Faults = []Fault{{Object: "user default", Message: "is the user of the application", Expected: "a user of its own", Actual: "default",
			Places: []string{server.Place().Address}, File: redisFile(sources)}}
	}
	return seen, nil
}

// lookRedisCommands is OCMT-RDS-004.
func lookRedisCommands(ctx context.Context, sources *Sources, server RedisServer) (seen Seen, err error) {
	_, user, err := server.Users(ctx)
	if err != nil && user == "" {
		return seen, err
	}
	commands, err := server.DangerousCommands(ctx, user)
	if err != nil {
		return seen, err
	}
	var allowed []string
	for _, command := range commands {
		switch command.Verdict {
		case RedisMay:
			allowed = append(allowed, command.Name)
		case RedisUnknown:
			seen.Gaps = append(seen.Gaps, command.Gap)
		}
	}
	for _, name := range allowed {
		seen.Faults = append(seen.Faults, Fault{Object: "user " + user + " " + name, Cause: "user " + user, Message: "may run dangerous commands",
			Expected: "none of them", Actual: strings.Join(allowed, ", "), Places: []string{name + " on " + server.Place().Address},
			Fix: "ACL SETUSER " + user + " -@dangerous -@scripting, then give back what the servers use, such as +info"})
	}
	return seen, nil
}

// lookRedisBind is OCMT-RDS-005.
func lookRedisBind(ctx context.Context, sources *Sources, server RedisServer) (seen Seen, err error) {
	parameters := map[string]string{}
	for _, name := range []string{"bind", "protected-mode", "port", "tls-port"} {
		if parameters[name], err = server.Parameter(ctx, name); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return seen, ctx.Err()
	}
	address := server.Place().Address
	fault := Fault{Object: "redis " + address, Cause: "Redis", Message: "listens on all addresses with protected mode off", Expected: "bind to one address, or protected-mode yes", Places: []string{address}}
	if err != nil {
		return lookRedisOutside(ctx, server, fault, err)
	}
	listens := parameters["port"] != "0" || parameters["tls-port"] != "0"
	if listens && bindsAll(parameters["bind"]) && parameters["protected-mode"] == "no" {
		fault.Actual = "bind " + cmp.Or(parameters["bind"], `""`) + ", protected-mode no"
		seen.Faults = []Fault{fault}
	}
	return seen, nil
}

// lookRedisOutside asks from outside where the configuration cannot be read. Missing says why.
func lookRedisOutside(ctx context.Context, server RedisServer, fault Fault, missing error) (seen Seen, err error) {
	greeting, err := server.Greet(ctx)
	if err != nil {
		return seen, err // who does not answer at all proves nothing
	}
	asked := true
	if server.Place().Reach != RedisNetwork {
		greeting, asked, err = server.GreetOutside(ctx)
	}
	switch {
	case err != nil:
		return seen, err
	case asked && greeting == "", greeting == RedisProtected: // it listens on loopback alone, or protected mode is on
		return seen, nil
	case greeting == RedisAnswers:
		fault.Message, fault.Actual = "answers from the network without a password: protected mode is off", string(greeting)
		return Seen{Faults: []Fault{fault}}, nil
	}
	return seen, missing
}

// bindsAll reports whether a bind parameter has an address that stands for all.
func bindsAll(bind string) bool {
	words := strings.Fields(bind)
	return len(words) == 0 || slices.ContainsFunc(words, func(word string) bool {
		word = strings.TrimPrefix(word, "-") // an address that need not be there
		return word == "*" || word == "0.0.0.0" || word == "::" || word == "::*"
	})
}

// lookRedisReaders is OCMT-RDS-010.
func lookRedisReaders(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	own, application, err := server.Users(ctx)
	if err != nil {
		return seen, err
	}
	readers, err := server.KeyReaders(ctx)
	if err != nil {
		return seen, err
	}
	for _, reader := range readers {
		if reader.User == own || reader.User == application {
			continue
		}
		fault := Fault{Object: "user " + reader.User, Message: "may list names of keys", Expected: "only the application may", Actual: strings.Join(reader.Commands, ", "),
			Places: []string{server.Place().Address}, Fix: "ACL SETUSER " + reader.User + " -scan -keys -randomkey, or ACL SETUSER " + reader.User + " off"}
		if reader.NoPassword {
			fault.Actual += ", without a password"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen, nil
}
