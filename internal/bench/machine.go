package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Machine is the machine that the figures come from. Client and server share it.
type Machine struct {
	Date       time.Time `json:"date"`
	Go         string    `json:"go"`
	PostgreSQL string    `json:"postgresql"`
	Cores      int       `json:"cores"`
	Kernel     string    `json:"kernel"`
}

func (b *bench) machine(ctx context.Context, now time.Time) (Machine, error) {
	m := Machine{Date: now.UTC().Truncate(time.Second), Go: strings.TrimPrefix(runtime.Version(), "go"), Cores: runtime.NumCPU()}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, err
	}
	m.Kernel = strings.TrimSpace(string(kernel))
	conn, err := pgx.Connect(ctx, b.server.URL("postgres", "postgres"))
	if err != nil {
		return m, err
	}
	defer func() { _ = conn.Close(ctx) }()
	return m, conn.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1)").Scan(&m.PostgreSQL)
}

// String describes the machine in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores for server and client together, PostgreSQL %s, Go %s, Linux %s",
		m.Date.Format(time.DateOnly), m.Cores, m.PostgreSQL, m.Go, m.Kernel)
}
