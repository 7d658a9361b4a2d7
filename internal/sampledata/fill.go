package sampledata

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Counts counts what Fill has inserted.
type Counts struct {
	Users     int
	Sealed    int // values sealed under version 0
	Legacy    int // those values of Sealed that are in the legacy form
	Plaintext int // gateway tokens in the clear, as OCMT itself writes them
}

// Fill inserts users, each with secrets of every kind that OCMT keeps, under the
// keyring's current version, in the empty tables of an OCMT database.
func Fill(ctx context.Context, address string, ring *crypto.Keyring, users int) (Counts, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return Counts{}, fmt.Errorf("connecting to fill the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	f := &filler{conn: conn, seal: &sealer{ring: ring, legacyEvery: defaultLegacyEvery}, users: make([]pgtype.UUID, users)}
	for i := range f.users {
		f.users[i] = newUUID()
	}
	for _, step := range []func(context.Context) error{
		f.fillUsers, f.fillIntegrations, f.fillPerUser, f.fillShared,
	} {
		if err := step(ctx); err != nil {
			return Counts{}, err
		}
	}
	if f.seal.err != nil {
		return Counts{}, f.seal.err
	}
	return Counts{Users: users, Sealed: f.seal.sealed, Legacy: f.seal.legacy, Plaintext: f.plaintext}, nil
}

type filler struct {
	conn      *pgx.Conn
	seal      *sealer
	users     []pgtype.UUID
	plaintext int
}

func newUUID() pgtype.UUID {
	u := pgtype.UUID{Valid: true}
	_, _ = rand.Read(u.Bytes[:]) // it never fails; crypto/rand ends the program instead
	u.Bytes[6] = u.Bytes[6]&0x0f | 0x40
	u.Bytes[8] = u.Bytes[8]&0x3f | 0x80
	return u
}

// copyRows fills one table with COPY.
func (f *filler) copyRows(ctx context.Context, table string, columns []string, rows int, row func(int) []any) error {
	_, err := f.conn.CopyFrom(ctx, pgx.Identifier{table}, columns,
		pgx.CopyFromSlice(rows, func(n int) ([]any, error) { return row(n), f.seal.err }))
	if err != nil {
		return fmt.Errorf("filling %s: %w", table, err)
	}
	return nil
}

// fillUsers gives two users in three a plaintext gateway token, because OCMT writes the token in
// plaintext once it has made the container.
func (f *filler) fillUsers(ctx context.Context) error {
	return f.copyRows(ctx, "users", []string{"id", "email", "name", "gateway_token"}, len(f.users), func(n int) []any {
		text := hexToken(32)
		if n%3 == 0 {
			text = f.seal.seal(text)
		} else {
			f.plaintext++
		}
		return []any{f.users[n], fmt.Sprintf("user%d@example.org", n), fmt.Sprintf("User %d", n), text}
	})
}

var integrationColumns = []string{"id", "user_id", "provider", "integration_type",
	"access_token_encrypted", "refresh_token_encrypted", "api_key_encrypted", "provider_email"}

// providers are the providers of a user's integrations: two with OAuth, one with an API key.
var providers = [...]string{"google", "github", "openai"}

func (f *filler) fillIntegrations(ctx context.Context) error {
	return f.copyRows(ctx, "user_integrations", integrationColumns, len(f.users)*len(providers), f.integration)
}

func (f *filler) integration(n int) []any {
	user, provider := f.users[n/len(providers)], providers[n%len(providers)]
	email := fmt.Sprintf("user%d@example.org", n/len(providers))
	if provider == "openai" {
		return []any{newUUID(), user, provider, "api_key", nil, nil, f.seal.seal(token("sk-proj-", 48)), email}
	}
	return []any{newUUID(), user, provider, "oauth", f.seal.seal(token("ya29.", 120)), f.seal.seal(token("1//0", 72)), nil, email}
}

func (f *filler) fillPerUser(ctx context.Context) error {
	all := len(f.users)
	if err := f.copyRows(ctx, "user_mfa", []string{"user_id", "totp_secret_encrypted", "totp_enabled"}, all/2, func(n int) []any {
		return []any{f.users[n], f.seal.seal(token("", 15)), true}
	}); err != nil {
		return err
	}
	if err := f.copyRows(ctx, "device_keys", []string{"user_id", "device_name", "encrypted_device_key"}, all, func(n int) []any {
		return []any{f.users[n], "laptop", f.seal.seal(token("", 32))}
	}); err != nil {
		return err
	}
	if err := f.copyRows(ctx, "recovery_methods", []string{"user_id", "method_type", "config_encrypted"}, all/4, func(n int) []any {
		return []any{f.users[n], "social", f.seal.seal(fmt.Sprintf(`{"threshold":2,"salt":%q}`, hexToken(16)))}
	}); err != nil {
		return err
	}
	return f.copyRows(ctx, "recovery_contacts", []string{"user_id", "contact_email", "shard_index", "shard_encrypted"}, all/4, func(n int) []any {
		return []any{f.users[n], fmt.Sprintf("friend%d@example.org", n), 1, f.seal.seal(fmt.Sprintf(`{"shard":%q}`, token("", 64)))}
	})
}

// sharedRows is the number of rows in each table that belongs to no user.
const sharedRows = 50

func (f *filler) fillShared(ctx context.Context) error {
	if err := f.copyRows(ctx, "secrets", []string{"key", "value_encrypted"}, sharedRows, func(n int) []any {
		return []any{fmt.Sprintf("PROVIDER_%d_API_KEY", n), f.seal.seal(token("sk-", 32))}
	}); err != nil {
		return err
	}
	if err := f.copyRows(ctx, "group_resources", []string{"name", "auth_config_encrypted"}, sharedRows, func(n int) []any {
		return []any{fmt.Sprintf("resource %d", n), f.seal.seal(fmt.Sprintf(`{"type":"bearer","token":%q}`, hexToken(32)))}
	}); err != nil {
		return err
	}
	if err := f.copyRows(ctx, "group_unlock_requests", []string{"session_key_encrypted"}, sharedRows, func(int) []any {
		return []any{f.seal.seal(hexToken(32))}
	}); err != nil {
		return err
	}
	return f.copyRows(ctx, "alert_channels", []string{"name", "channel_type", "config_encrypted"}, sharedRows, func(n int) []any {
		return []any{fmt.Sprintf("channel %d", n), "webhook", f.seal.seal(fmt.Sprintf(`{"url":"https://hooks.example.org/%s"}`, hexToken(12)))}
	})
}

// FillIntegrations inserts a number of rows of user_integrations, and the users that they
// belong to. All values are in the versioned form.
func FillIntegrations(ctx context.Context, address string, ring *crypto.Keyring, rows int) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connecting to fill the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	f := &filler{conn: conn, seal: &sealer{ring: ring}, users: make([]pgtype.UUID, (rows+len(providers)-1)/len(providers))}
	for i := range f.users {
		f.users[i] = newUUID()
	}
	if err := f.copyRows(ctx, "users", []string{"id", "email", "gateway_token"}, len(f.users), func(n int) []any {
		return []any{f.users[n], fmt.Sprintf("user%d@example.org", n), hexToken(32)}
	}); err != nil {
		return err
	}
	return f.copyRows(ctx, "user_integrations", integrationColumns, rows, f.integration)
}
