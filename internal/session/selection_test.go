package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/session"
)

// row is a session as the test has made it. Times are ages; nil stands for NULL.
type row struct {
	id, user, tenant, token, agent string
	address                        netip.Addr // the zero address for NULL
	created, active                *time.Duration
	expires                        time.Duration // from now
	revoked                        bool
}

func (r row) live() bool { return !r.revoked && r.expires > 0 }

// world is a random set of users and sessions.
type world struct {
	users, tenants []string
	rows           []row
}

func hours(n float64) *time.Duration {
	length := time.Duration(n * float64(time.Hour))
	return &length
}

// makeWorld fills a database. What a criterion looks at is NULL in some rows, and users are without
// a tenant, or gone.
func makeWorld(t *testing.T, d *database) world {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 11))
	w := world{users: d.addUsers(12)}
	d.exec("insert into tenants (name) values ('north'), ('south')")
	w.tenants = d.texts("select id::text from tenants order by name")
	tenantOf := map[string]string{}
	for i, user := range w.users {
		if i%3 < 2 {
			tenantOf[user] = w.tenants[i%3]
			d.exec("update users set tenant_id = $1 where id = $2", w.tenants[i%3], user)
		}
	}
	agents := []string{"Mozilla/5.0 (X11; Linux) Firefox/140.0", "curl/8.5.0", "OCMT-iOS/3.2", ""}
	addresses := []string{"10.1.2.3", "10.1.9.9", "192.0.2.77", "::ffff:10.1.2.4", "2001:db8::5", "2001:db8:ffff::1", ""}
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	for n := range 160 {
		r := row{user: pick(append(w.users, "")), agent: pick(agents), token: fmt.Sprintf("token %d", n), expires: time.Duration(random.IntN(14)-3) * 12 * time.Hour, revoked: random.IntN(8) == 0}
		if r.expires == 0 {
			r.expires = -time.Hour
		}
		r.tenant = tenantOf[r.user]
		if text := pick(addresses); text != "" {
			r.address = netip.MustParseAddr(text)
		}
		if random.IntN(12) > 0 {
			r.created = hours(1 + float64(random.IntN(2000))/10 + float64(n)/1000)
		}
		if random.IntN(6) > 0 {
			r.active = hours(0.5 + float64(random.IntN(1000))/10)
		}
		insert(d, &r)
		w.rows = append(w.rows, r)
	}
	return w
}

// insert writes a row, and notes its id.
func insert(d *database, r *row) {
	d.t.Helper()
	null := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	age := func(length *time.Duration) any {
		if length == nil {
			return nil
		}
		return length.Seconds()
	}
	var address any
	if r.address.IsValid() {
		address = r.address.String()
	}
	r.id = d.texts(`insert into sessions (user_id, token, user_agent, ip_address, created_at, last_activity_at, expires_at, revoked_at)
		values ($1::uuid, $2, $3, $4::text::inet, now() - make_interval(secs => $5), now() - make_interval(secs => $6), now() + make_interval(secs => $7), case when $8 then now() end)
		returning id::text`, null(r.user), digest(r.token), null(r.agent), address, age(r.created), age(r.active), r.expires.Seconds(), r.revoked)[0]
}

// criterion is a part of a selection, and what it means, said without SQL.
type criterion struct {
	name   string
	choose func(*session.Selection)
	takes  func(row) bool
}

// overLimit returns the live sessions of each user beyond so many, the oldest first.
func (w world) overLimit(limit int) map[string]bool {
	over := map[string]bool{}
	for _, user := range w.users {
		var mine []row
		for _, r := range w.rows {
			if r.user == user && r.live() {
				mine = append(mine, r)
			}
		}
		slices.SortFunc(mine, func(a, b row) int {
			switch {
			case a.created == nil && b.created == nil:
				return strings.Compare(b.id, a.id)
			case a.created == nil:
				return 1
			case b.created == nil:
				return -1
			case *a.created != *b.created:
				return int(*a.created - *b.created)
			}
			return strings.Compare(b.id, a.id)
		})
		for _, r := range mine[min(limit, len(mine)):] {
			over[r.id] = true
		}
	}
	return over
}

// criteria are all criteria, each with a meaning of its own.
func (w world) criteria() []criterion {
	olderThan := func(age *time.Duration, length time.Duration) bool { return age == nil || *age > length }
	idle := func(r row) *time.Duration {
		if r.active != nil {
			return r.active
		}
		return r.created
	}
	in := func(text string) func(row) bool {
		network := netip.MustParsePrefix(text)
		return func(r row) bool { return r.address.IsValid() && network.Contains(r.address.Unmap()) }
	}
	networks := func(texts ...string) func(*session.Selection) {
		return func(s *session.Selection) {
			for _, text := range texts {
				s.Networks = append(s.Networks, netip.MustParsePrefix(text))
			}
		}
	}
	over := w.overLimit(3)
	return []criterion{
		{"users", func(s *session.Selection) { s.Users = w.users[:5] }, func(r row) bool { return slices.Contains(w.users[:5], r.user) }},
		{"tenant", func(s *session.Selection) { s.Tenants = w.tenants[:1] }, func(r row) bool { return r.tenant == w.tenants[0] }},
		{"sessions", func(s *session.Selection) { s.Sessions = []string{w.rows[3].id, w.rows[40].id, w.rows[41].id} }, func(r row) bool {
			return slices.Contains([]string{w.rows[3].id, w.rows[40].id, w.rows[41].id}, r.id)
		}},
		{"token", func(s *session.Selection) {
			s.TokenHashes = []string{digest(w.rows[9].token), digest(w.rows[10].token)}
		}, func(r row) bool {
			return r.token == w.rows[9].token || r.token == w.rows[10].token
		}},
		{"network", networks("10.1.0.0/16"), in("10.1.0.0/16")},
		{"address", networks("10.1.2.4/32"), in("10.1.2.4/32")},
		{"network 6", networks("2001:db8::/48"), in("2001:db8::/48")},
		{"agent", func(s *session.Selection) { s.Agents = []string{"CURL", "ios/"} }, func(r row) bool {
			return strings.Contains(r.agent, "curl") || strings.Contains(r.agent, "iOS/")
		}},
		{"created", func(s *session.Selection) { s.CreatedBefore = 100 * time.Hour }, func(r row) bool { return olderThan(r.created, 100*time.Hour) }},
		{"idle", func(s *session.Selection) { s.IdleLongerThan = 50 * time.Hour }, func(r row) bool { return olderThan(idle(r), 50*time.Hour) }},
		{"timeout", func(s *session.Selection) { s.PastTimeout = 168 * time.Hour }, func(r row) bool { return olderThan(r.created, 168*time.Hour) }},
		{"over the limit", func(s *session.Selection) { s.OverLimit = 3 }, func(r row) bool { return over[r.id] }},
		{"other users", func(s *session.Selection) { s.ExceptUsers = w.users[2:4] }, func(r row) bool { return !slices.Contains(w.users[2:4], r.user) }},
		{"other sessions", func(s *session.Selection) { s.ExceptSessions = []string{w.rows[3].id, w.rows[5].id} }, func(r row) bool {
			return r.id != w.rows[3].id && r.id != w.rows[5].id
		}},
	}
}

// If this fails, an operator ends sessions of people who are not meant, or leaves in who should be
// out.
func TestSelectionTakesWhatItSays(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	w := makeWorld(t, d)
	list := w.criteria()
	for i, first := range list {
		for _, second := range list[i:] {
			for _, expired := range []bool{false, true} {
				selection := session.Selection{Expired: expired}
				first.choose(&selection)
				if second.name != first.name {
					second.choose(&selection)
				}
				if selection.Validate() != nil {
					continue
				}
				if first.name[:3] == "net" && second.name == "address" || first.name == "address" && second.name[:3] == "net" || first.name[:3] == "net" && second.name[:3] == "net" && first.name != second.name {
					continue // several networks are one criterion, which takes any of them
				}
				var want []string
				for _, r := range w.rows {
					if (r.live() && !expired || !r.revoked && r.expires <= 0 && expired) && first.takes(r) && second.takes(r) {
						want = append(want, r.id)
					}
				}
				entries, err := d.store.List(context.Background(), selection, 1000)
				if err != nil {
					t.Fatalf("%s and %s: %v", first.name, second.name, err)
				}
				var got []string
				for _, entry := range entries {
					got = append(got, entry.ID)
				}
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s and %s, expired %t (-want +got):\n%s", first.name, second.name, expired, diff)
				}
			}
		}
	}
}

// If this fails, a selection ends more than the list of it shows.
func TestEndsWhatIsSelectedAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	w := makeWorld(t, d)
	for _, c := range w.criteria()[:12] { // the others alone are none
		selection := session.Selection{}
		c.choose(&selection)
		var want []string
		for _, r := range w.rows {
			if r.live() && c.takes(r) {
				want = append(want, r.id)
			}
		}
		others := "id::text <> all(array['" + strings.Join(append(want, "-"), "','") + "'])"
		before, users := d.checksum("sessions", others), d.checksum("users", "true")
		_, result := d.end(d.sources(), request(selection))
		if result.Ended[session.Logins] != int64(len(want)) {
			t.Errorf("%s: ended %d, want %d", c.name, result.Ended[session.Logins], len(want))
		}
		if d.checksum("sessions", others) != before || d.checksum("users", "true") != users {
			t.Errorf("%s: something else was changed", c.name)
		}
		if n := d.alive("id::text = any(array['" + strings.Join(append(want, "-"), "','") + "'])"); n != 0 {
			t.Errorf("%s: %d are alive", c.name, n)
		}
		for i, r := range w.rows { // as the database has it now
			w.rows[i].revoked = r.revoked || slices.Contains(want, r.id)
		}
		d.exec("update sessions set revoked_at = null, revoke_reason = null where id::text = any($1::text[])", want)
		for i, r := range w.rows {
			if slices.Contains(want, r.id) {
				w.rows[i].revoked = false
			}
		}
	}
}
