package cli

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/validation"
)

// liveDatabase is the database at the address of the servers. It implements validation.Database.
type liveDatabase struct {
	address  string
	options  postgres.Options
	settings *config.Settings
	progress *ui.Progress
	db       *postgres.DB
	snapshot *pgaudit.Snapshot
}

// valuesLimit bounds the reading of one table. What is not read then is told.
const valuesLimit = 2 * time.Minute

// close closes what is open.
func (d *liveDatabase) close(ctx context.Context) {
	if d.snapshot != nil {
		d.snapshot.Close(ctx)
	}
	if d.db != nil {
		d.db.Close()
	}
}

// Login implements validation.Database.
func (d *liveDatabase) Login(ctx context.Context) (login validation.DatabaseLogin, err error) {
	login.Server = "PostgreSQL"
	d.progress.Phase("asking PostgreSQL")
	d.db, err = postgres.New(d.address, d.options)
	if err != nil {
		login.Reason = err.Error()
		return login, nil
	}
	target := d.db.Target()
	login.Account, login.Server = target.Account, "PostgreSQL at "+net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
	if d.snapshot, err = pgaudit.Open(ctx, d.db, valuesLimit); err != nil {
		d.snapshot = nil
		var refused *postgres.ConnectError
		if errors.As(err, &refused) && refused.IsWrongPassword() {
			login.Right = ocmt.Refused
		}
		login.Reason = err.Error()
		return login, ctx.Err()
	}
	login.Right, login.Protection = ocmt.Accepted, d.snapshot.Protection()
	asked, err := d.snapshot.Login(ctx)
	login.Server, login.Pooled = "PostgreSQL at "+asked.Server, asked.Pooled
	var gap *audit.GapError
	if errors.As(err, &gap) {
		login.Reason = gap.Gap.Reason
		return login, nil
	}
	login.Method, login.Certificate = string(asked.Method), asked.Certificate
	login.AsksPassword = asked.Method == audit.LoginSCRAM || asked.Method == audit.LoginMD5 || asked.Method == audit.LoginPassword
	if asked.Method == audit.LoginTrust && login.Protection.Local == "a unix socket" {
		login.Method = "trust or peer" // the server says the same in both cases
	}
	return login, err
}

// ReadValues implements validation.Database.
func (d *liveDatabase) ReadValues(ctx context.Context, visit func(column validation.ValueColumn, text []byte)) (gaps []validation.Unasked, err error) {
	d.progress.Phase("opening values with the key")
	values := d.snapshot.Values()
	found, err := values.Tables(ctx, fullCatalogue(d.settings))
	if err != nil {
		return nil, err
	}
	for _, gap := range found.Gaps {
		gaps = append(gaps, unaskedOf(gap))
	}
	read := int64(0)
	for _, table := range found.Tables {
		columns := make([]validation.ValueColumn, len(table.Columns))
		for i, column := range table.Columns {
			columns[i] = validation.ValueColumn{Name: table.String() + "." + column.Name, PlaintextAllowed: column.PlaintextAllowed}
		}
		err := values.ReadValues(ctx, table, func(row audit.ValueRow) error {
			for i, text := range row.Values {
				if len(text) > 0 { // an empty text is no value
					visit(columns[i], text)
					read++
				}
			}
			d.progress.Update(read, 0, "")
			return nil
		})
		var gap *audit.GapError
		switch {
		case errors.As(err, &gap):
			gaps = append(gaps, unaskedOf(gap.Gap))
		case err != nil:
			return gaps, err
		}
	}
	return gaps, nil
}

// unaskedOf returns a gap as a report of validation has it.
func unaskedOf(gap audit.Gap) validation.Unasked {
	return validation.Unasked{What: gap.What, Reason: gap.Reason, Needs: cmp.Or(gap.Grant, gap.Missing), Asked: true}
}

// liveCaches are the servers of REDIS_URL. It implements validation.Caches.
type liveCaches struct {
	addresses []string
	options   redis.Options
	progress  *ui.Progress
}

// Login implements validation.Caches.
func (c *liveCaches) Login(ctx context.Context) (list []validation.CacheLogin, err error) {
	c.progress.Phase("asking Redis")
	for _, address := range c.addresses {
		logins, err := loginsAt(ctx, address, c.options)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			list = append(list, validation.CacheLogin{Login: validation.Login{Server: "Redis", Reason: err.Error()}})
		}
		for _, login := range logins {
			list = append(list, cacheLogin(login))
		}
	}
	return list, nil
}

// loginsAt logs in at the servers of one address.
func loginsAt(ctx context.Context, address string, options redis.Options) ([]redis.Login, error) {
	client, err := redis.New(address, options)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	return client.TryLogins(ctx)
}

// cacheLogin returns a log-in as validation takes it.
func cacheLogin(login redis.Login) validation.CacheLogin {
	verdicts := map[redis.Verdict]ocmt.Verdict{redis.LoginAccepted: ocmt.Accepted, redis.LoginRefused: ocmt.Refused}
	found := validation.CacheLogin{Login: validation.Login{Server: "Redis at " + login.Address, Account: login.User, Protection: login.Protection, Right: verdicts[login.Right]},
		Without: verdicts[login.Without], Wrong: verdicts[login.Wrong], NoPassword: login.Right == redis.LoginWithoutPassword}
	if login.Err != nil {
		found.Reason = login.Err.Error()
	}
	return found
}
