package sampledata

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/crash"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Servers imitate OCMT servers that go on storing secrets. They refresh tokens of
// user_integrations, add and remove rows of secrets, and remember what the database has
// acknowledged.
type Servers struct {
	stop    context.CancelFunc
	group   sync.WaitGroup
	servers []*server
}

// server writes rows of its own, which no other server writes.
type server struct {
	number    int
	ring      *crypto.Keyring
	conn      *pgx.Conn
	tokens    []string          // ids of its rows of user_integrations
	record    map[string]string // acknowledged plaintexts by "table/key"
	latencies []time.Duration
	err       error
}

// tokensPerServer is the number of rows of user_integrations that a server refreshes.
const tokensPerServer = 500

// StartServers starts count servers. Each writes a value once per interval, under the keyring's
// current version.
func StartServers(ctx context.Context, address string, ring *crypto.Keyring, count int, interval time.Duration) (*Servers, error) {
	ctx, stop := context.WithCancel(ctx)
	s := &Servers{stop: stop}
	for number := range count {
		one, err := newServer(ctx, address, ring, number)
		if err != nil {
			stop()
			for _, earlier := range s.servers {
				_ = earlier.conn.Close(context.WithoutCancel(ctx))
			}
			return nil, fmt.Errorf("starting server %d of the sample: %w", number, err)
		}
		s.servers = append(s.servers, one)
	}
	for _, one := range s.servers {
		s.group.Go(func() { one.err = crash.Do(func() error { return one.run(ctx, interval) }) })
	}
	return s, nil
}

func newServer(ctx context.Context, address string, ring *crypto.Keyring, number int) (*server, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `select id::text from user_integrations where access_token_encrypted is not null
		order by id offset $1 limit $2`, number*tokensPerServer, tokensPerServer)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	tokens, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return &server{number: number, ring: ring, conn: conn, tokens: tokens, record: map[string]string{}}, nil
}

// run writes until the context ends. It finishes a write that has begun, so that it knows
// whether the write was acknowledged.
func (s *server) run(ctx context.Context, interval time.Duration) error {
	whole := context.WithoutCancel(ctx)
	defer func() { _ = s.conn.Close(whole) }()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		began := time.Now()
		if err := s.write(whole, n); err != nil {
			return err
		}
		s.latencies = append(s.latencies, time.Since(began))
	}
}

func (s *server) write(ctx context.Context, n int) error {
	plaintext := token(fmt.Sprintf("server%d-", s.number), 48)
	c, err := s.ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("SERVER_%d_KEY_%d", s.number, n%100)
	_, exists := s.record["secrets/"+key]
	switch {
	case n%3 != 0 && len(s.tokens) > 0:
		id := s.tokens[n%len(s.tokens)]
		_, err = s.conn.Exec(ctx, "update user_integrations set access_token_encrypted = $2, updated_at = now() where id = $1::text::uuid", id, c.String())
		key = "user_integrations/" + id
	case exists:
		_, err = s.conn.Exec(ctx, "delete from secrets where key = $1", key)
		delete(s.record, "secrets/"+key)
		return err
	default:
		_, err = s.conn.Exec(ctx, "insert into secrets (key, value_encrypted) values ($1, $2)", key, c.String())
		key = "secrets/" + key
	}
	if err == nil {
		s.record[key] = plaintext
	}
	return err
}

// Stop stops the servers, waits until they have ended, and returns their errors.
func (s *Servers) Stop() error {
	s.stop()
	s.group.Wait()
	var failed []error
	for _, one := range s.servers {
		if one.err != nil {
			failed = append(failed, fmt.Errorf("server %d of the sample: %w", one.number, one.err))
		}
	}
	return errors.Join(failed...)
}

// Writes returns how many writes the database acknowledged. It may be called after Stop.
func (s *Servers) Writes() (count int) {
	for _, one := range s.servers {
		count += len(one.latencies)
	}
	return count
}

// Latencies returns how long each write took. It may be called after Stop.
func (s *Servers) Latencies() []time.Duration {
	var all []time.Duration
	for _, one := range s.servers {
		all = append(all, one.latencies...)
	}
	return all
}

// Check compares the values that the database acknowledged with those that it contains. It
// returns how many it compared, and how many of these do not open to what was written. It may
// be called after Stop.
func (s *Servers) Check(ctx context.Context, address string, ring *crypto.Keyring) (compared, lost int, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, 0, fmt.Errorf("connecting to look at what the servers wrote: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `select 'secrets/' || key, value_encrypted from secrets
		union all select 'user_integrations/' || id, access_token_encrypted from user_integrations where access_token_encrypted is not null`)
	if err != nil {
		return 0, 0, fmt.Errorf("looking at what the servers wrote: %w", err)
	}
	stored := map[string]string{}
	var key, text string
	if _, err := pgx.ForEachRow(rows, []any{&key, &text}, func() error { stored[key] = text; return nil }); err != nil {
		return 0, 0, fmt.Errorf("looking at what the servers wrote: %w", err)
	}
	for _, one := range s.servers {
		for key, plaintext := range one.record {
			compared++
			c, err := crypto.Parse(stored[key])
			if err != nil {
				lost++
				continue
			}
			if opened, err := ring.Open(c); err != nil || string(opened) != plaintext {
				lost++
			}
		}
	}
	return compared, lost, nil
}
