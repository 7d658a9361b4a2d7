package cli

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// auditNames finds users and tenants by what operators call them.
type auditNames interface {
	FindUsers(ctx context.Context, names []string) ([]string, error)
	FindTenants(ctx context.Context, names []string) ([]string, error)
}

// filter looks up the names and returns the filter, with the ids of groups. Rows of mesh_audit_logs may have a group by
// its name, so the names are selected too.
func (o *auditLogOptions) filter(ctx context.Context, now time.Time, names auditNames, groups map[string][]string) (f review.Filter, err error) {
	f = review.Filter{Action: string(o.Action), Networks: o.Networks, Failed: o.Failed, Sources: o.sources()}
	if f.Since, err = o.Since.at(now); err != nil {
		return f, err
	}
	if f.Until, err = o.Until.at(now); err != nil {
		return f, err
	}
	const suspiciousDays = 7
	if o.Suspicious && f.Since.IsZero() {
		f.Since = now.UTC().AddDate(0, 0, -suspiciousDays)
	}
	if err := f.Validate(); err != nil {
		return f, &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	}
	if f.Users, err = findIDs(ctx, o.Users, names.FindUsers); err != nil {
		return f, err
	}
	if f.Tenants, err = findIDs(ctx, o.Tenants, names.FindTenants); err != nil {
		return f, err
	}
	for _, name := range o.Groups {
		f.Groups = append(append(f.Groups, name), groups[name]...)
	}
	return f, nil
}

// uuidForm is the form of an id.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// findIDs returns the ids of names. An id stands for itself: rows outlive the user that they tell of.
func findIDs(ctx context.Context, names []string, find func(context.Context, []string) ([]string, error)) (ids []string, err error) {
	var unknown []string
	for _, name := range names {
		if uuidForm.MatchString(name) {
			ids = append(ids, strings.ToLower(name))
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return ids, nil
	}
	found, err := find(ctx, unknown)
	return append(ids, found...), err
}
