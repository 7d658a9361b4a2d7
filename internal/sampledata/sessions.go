package sampledata

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// sessionsSQL gives each user two login sessions of the last hours. Their addresses are those that are kept for examples
// (RFC 5737).
const sessionsSQL = `insert into sessions (user_id, token, expires_at, created_at, last_activity_at, ip_address, user_agent, device_info)
	select u.id, encode(sha256(uuid_send(gen_random_uuid())), 'hex'), now() + interval '6 days', now() - k * interval '3 hours', now() - k * interval '20 minutes',
		case k when 1 then '203.0.113.0'::inet else '198.51.100.0'::inet end + (1 + random() * 253)::int,
		case k when 1 then 'Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0' else 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148' end,
		case k when 1 then '{"os": "Linux", "browser": "Firefox"}' else '{"os": "iOS", "browser": "Safari"}' end::jsonb
	from users u, generate_series(1, 2) k`

// FillSessions gives each user of a database live login sessions, and returns how many. The tables of live access must be
// there, and empty.
func FillSessions(ctx context.Context, address string) (int64, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, fmt.Errorf("connecting to fill the sessions: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	made, err := conn.Exec(ctx, sessionsSQL)
	if err != nil {
		return 0, fmt.Errorf("filling the sessions: %w", err)
	}
	return made.RowsAffected(), nil
}
