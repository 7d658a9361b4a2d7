package audit

import (
	"context"
	"fmt"
	"strings"
)

// gaps returns a gap for the secrets that are too short to be searched in something.
func (s SearchedSecrets) gaps(what string) []Gap {
	if len(s.TooShort) == 0 {
		return nil
	}
	return []Gap{{What: strings.Join(s.TooShort, ", ") + " in " + what,
		Reason: fmt.Sprintf("a secret of fewer than %d characters occurs by chance, and is not searched", s.MinLength),
		Grant:  "set a longer one"}}
}

// absent says why a search for secrets does not apply; "" where it does.
func (s SearchedSecrets) absent() string {
	if len(s.Names)+len(s.TooShort) == 0 {
		return "no secret is set here that could be searched"
	}
	return ""
}

func lookAtHistory(ctx context.Context, _ *Sources, source GitSource) (Seen, error) {
	secrets := source.Secrets()
	if absent := secrets.absent(); absent != "" {
		return Seen{Absent: absent}, nil
	}
	var objects int64
	seen, err := eachRepository(ctx, source, func(r GitRepository, seen *Seen) error {
		history, err := r.History(ctx)
		if err != nil {
			return err
		}
		objects += history.Objects
		seen.Gaps = append(seen.Gaps, history.Gaps...)
		for _, secret := range history.Secrets {
			cause := r.Name() + ": " + secret.Setting
			base := Fault{Cause: cause, Message: "is in the history", Expected: "in no object",
				Actual: countThings(secret.Count, "object", "objects") + ", as " + strings.Join(secret.Forms, ", ")}
			seen.Faults = append(seen.Faults, objectFaults(base, secret.Objects, secret.Count)...)
		}
		return nil
	})
	if seen.Absent == "" {
		seen.Looked = fmt.Sprintf("%s in %s, for %s", countThings(objects, "object", "objects"), seen.Looked, countThings(int64(len(secrets.Names)), "secret", "secrets"))
		seen.Gaps = append(seen.Gaps, secrets.gaps("the history of git repositories")...)
	}
	return seen, err
}

func lookAtEnvHistory(ctx context.Context, _ *Sources, source GitSource) (Seen, error) {
	return eachRepository(ctx, source, func(r GitRepository, seen *Seen) error {
		history, err := r.History(ctx)
		if err != nil {
			return err
		}
		seen.Gaps = append(seen.Gaps, history.Gaps...)
		for _, file := range history.EnvFiles {
			base := Fault{Cause: r.Name() + ": " + file.Name, Message: "was committed", Expected: "never committed",
				Actual: countThings(file.Count, "content", "contents")}
			seen.Faults = append(seen.Faults, objectFaults(base, file.Objects, file.Count)...)
		}
		return nil
	})
}

// objectFaults returns a fault for each object, known by its hash and so by its content, and one for those
// that are counted only.
func objectFaults(base Fault, objects []GitObject, count int64) []Fault {
	var list []Fault
	for _, object := range objects {
		fault := base
		fault.Object, fault.Places = base.Cause+", "+object.ID, []string{object.place()}
		list = append(list, fault)
	}
	if rest := count - int64(len(objects)); rest > 0 {
		fault := base
		fault.Object, fault.Count = base.Cause+", further objects", rest
		list = append(list, fault)
	}
	return list
}
