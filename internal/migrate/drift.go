package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// HoldTo adds a finding for each difference from an earlier plan. The number of
// values may have changed; a table may not have lost all of its values, unless the
// request allows it.
func (p *Plan) HoldTo(before Outline) {
	for _, found := range compareOutlines(before, p.Outline, p.Request.AllowEmpty) {
		told := slices.ContainsFunc(p.Findings, func(known finding.Finding) bool {
			return found.Code == finding.EmptyTable && known.Code == found.Code && known.Where == found.Where
		})
		if !told {
			p.Findings = append(p.Findings, found)
		}
	}
}

// compareOutlines returns a finding for each difference between an earlier outline
// and the present one.
func compareOutlines(before, now Outline, allowEmpty bool) []finding.Finding {
	d := &drift{}
	if before.Database.Name != now.Database.Name {
		d.add("database", "the plan is for database %q, and this is %q", before.Database.Name, now.Database.Name)
	}
	if before.Database.System != now.Database.System && before.Database.System != "" && now.Database.System != "" {
		d.add("database", "the plan is for the server with identifier %s, and this is %s", before.Database.System, now.Database.System)
	}
	if before.To != now.To || versionText(before.From) != versionText(now.From) {
		d.add("key versions", "the plan goes from %s to version %d, and this run from %s to version %d",
			versionText(before.From), before.To, versionText(now.From), now.To)
	}
	d.compareKeys(before.Keys, now.Keys)
	for _, table := range before.Tables {
		at := slices.IndexFunc(now.Tables, func(t TableOutline) bool { return t.String() == table.String() })
		if at < 0 {
			d.add(table.String(), "the plan has this table, and this run does not")
			continue
		}
		d.compareTables(table, now.Tables[at])
		if !allowEmpty && isEmptied(table.TableCount, now.Tables[at].TableCount) {
			d.list = append(d.list, emptyTableFinding(table.String(), table.Values, "the plan has"))
		}
	}
	for _, table := range now.Tables {
		if !slices.ContainsFunc(before.Tables, func(t TableOutline) bool { return t.String() == table.String() }) {
			d.add(table.String(), "the plan does not have this table, and this run does")
		}
	}
	return d.list
}

// isEmptied reports whether a table had values and has none. Where one of the two was not counted, that is not known.
func isEmptied(before, now *TableCount) bool {
	return before != nil && now != nil && before.Values > 0 && now.Values == 0
}

func versionText(version *int) string {
	if version == nil {
		return "every older version"
	}
	return fmt.Sprintf("version %d", *version)
}

// drift collects the differences.
type drift struct{ list []finding.Finding }

func (d *drift) add(where, format string, args ...any) {
	d.list = append(d.list, finding.Finding{Code: finding.Drifted, Severity: finding.Error, Where: where, Message: fmt.Sprintf(format, args...),
		Fix: "find out why; if it is meant, make a new plan with ocmt migrate plan --out and look at it"})
}

func (d *drift) compareKeys(before, now []KeyFingerprint) {
	fingerprints := func(list []KeyFingerprint) (map[int]string, []int) {
		m, versions := map[int]string{}, []int{}
		for _, key := range list {
			m[key.Version] = key.Fingerprint
			versions = append(versions, key.Version)
		}
		return m, versions
	}
	was, versions := fingerprints(before)
	is, more := fingerprints(now)
	versions = append(versions, more...)
	slices.Sort(versions)
	for _, version := range slices.Compact(versions) {
		where := fmt.Sprintf("key version %d", version)
		switch {
		case is[version] == "":
			d.add(where, "the plan has the key with fingerprint %s, and none is set", was[version])
		case was[version] == "":
			d.add(where, "the plan has no key of it, and that with fingerprint %s is set", is[version])
		case was[version] != is[version]:
			d.add(where, "the plan has the key with fingerprint %s, and that with %s is set", was[version], is[version])
		}
	}
}

func (d *drift) compareTables(before, now TableOutline) {
	if before.Key != now.Key || before.KeyType != now.KeyType {
		d.add(now.String(), "the plan names its rows by %s (%s), and now that is %s (%s)", before.Key, before.KeyType, now.Key, now.KeyType)
	}
	types := func(columns []ColumnOutline) map[string]string {
		m := map[string]string{}
		for _, column := range columns {
			m[column.Column] = column.Type
		}
		return m
	}
	was, is := types(before.Columns), types(now.Columns)
	for _, column := range before.Columns {
		switch {
		case is[column.Column] == "":
			d.add(now.String()+"."+column.Column, "the plan has this column, and this run does not")
		case is[column.Column] != column.Type:
			d.add(now.String()+"."+column.Column, "the plan has it as %s, and it is %s", column.Type, is[column.Column])
		}
	}
	for _, column := range now.Columns {
		if was[column.Column] == "" {
			d.add(now.String()+"."+column.Column, "the plan does not have this column, and this run does")
		}
	}
	var fresh []string
	for _, trigger := range now.Triggers {
		if !slices.Contains(before.Triggers, trigger) {
			fresh = append(fresh, trigger)
		}
	}
	if len(fresh) > 0 {
		d.add(now.String(), "triggers that the plan does not have would fire at every row: %s", strings.Join(fresh, ", "))
	}
}
